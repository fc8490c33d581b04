// For the packages of this repository: nothing here is promised to anybody else.

export { findNearName } from './near-name.ts';
