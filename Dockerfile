# The authority, compiled, with the dependencies that pnpm-lock.yaml names and nothing else.

FROM node:26-bookworm-slim AS build
WORKDIR /build
ENV CI=true
# Downloads what the lock file names; done again only when that changes.
COPY pnpm-lock.yaml pnpm-workspace.yaml ./
RUN npx -y pnpm@12.21.0 fetch
COPY . .
RUN npx -y pnpm@12.21.0 install --offline --frozen-lockfile
RUN npx -y pnpm@12.21.0 --recursive --filter '@setpoint/config-authority...' run build
# In the workspace the packages export their sources, which Node does not run from node_modules: export dist instead, as
# published packages do.
RUN node --eval "for (const file of fs.globSync('{packages,apps}/*/package.json')) { \
      const { publishConfig, ...manifest } = JSON.parse(fs.readFileSync(file, 'utf8')); \
      fs.writeFileSync(file, JSON.stringify({ ...manifest, ...publishConfig })); \
    }"
RUN npx -y pnpm@12.21.0 --filter @setpoint/config-authority deploy --prod --offline /app

FROM node:26-bookworm-slim
COPY --from=build /app /app
RUN mkdir /config /data && chown node:node /data
WORKDIR /app
USER node
ENV NODE_ENV=production \
    SETPOINT_BROKER_HOST=0.0.0.0 \
    SETPOINT_CONFIG_DIR=/config \
    SETPOINT_DATA_DIR=/data \
    SETPOINT_HTTP_HOST=0.0.0.0
VOLUME /data
# 1883 is the embedded broker's, where SETPOINT_MQTT_URL names no other.
EXPOSE 1883 8081
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.SETPOINT_HTTP_PORT || 8081}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
