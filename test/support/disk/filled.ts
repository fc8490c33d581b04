import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';

const filler = '/disk/filler';

/** Leaves so many bytes of the file system at `/disk`; whole pages, of which 0 is none at all. */
export function fillDisk(leaveBytes = 0): void {
  const descriptor = openSync(filler, 'a');
  const chunk = Buffer.alloc(statfsSync('/disk').bsize);
  try {
    while (freeBytes() > leaveBytes) writeSync(descriptor, chunk);
  } finally {
    closeSync(descriptor);
  }
}

export const freeDisk = (): void => rmSync(filler);

function freeBytes(): number {
  const { bavail, bsize } = statfsSync('/disk');
  return bavail * bsize;
}
