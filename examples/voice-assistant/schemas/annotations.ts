/** Marks a setting as secret: it is masked wherever a document is shown. */
export const secret = { 'x-secret': true } as const;

/** Marks a setting that a running process can't take over. */
export const restart = { 'x-restart-required': true } as const;
