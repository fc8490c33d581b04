export type { FilledFile, Template, TemplateParameter, TemplateSubject, TemplateValues } from './template.ts';
export { defaultOf, fillBlanks, parseTemplate, readBlank, wanted } from './template.ts';
export type { TemplateErrorCode } from './template-error.ts';
export { TemplateError } from './template-error.ts';
export { fillTemplate, findTemplate, ownTemplates, readTemplates } from './template-folder.ts';
