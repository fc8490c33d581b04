/** A setting that no program prints and no log repeats. */
export const secret = { 'x-secret': true } as const;

/** A setting that a running process can't take over. */
export const restart = { 'x-restart-required': true } as const;
