/** Why a template can't be used. */
export type TemplateErrorCode =
  /** Its folder or one of its files can't be read. */
  | 'template_unreadable'
  /** The folder has no template of that name. */
  | 'template_unknown'
  /** Its manifest or one of its files is wrong. */
  | 'template_invalid'
  /** What was given for its parameters is missing, unknown or of another type. */
  | 'parameter_invalid';

/** Says what is wrong with a template, or with what it was given, and what to do. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code: TemplateErrorCode;

  constructor(code: TemplateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
