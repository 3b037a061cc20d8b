/** Tokens for what has no size in a body. */
export interface MediaConstants {
  /**
   * An image of unknown size: a remote one, a stored file, a format we cannot read.
   * @default 1500; 4800 for the high-resolution models of Anthropic, 1548 for Gemini 2, 1120 for Gemini 3
   */
  readonly image?: number;
  /** The most one image counts, whatever its header says. @default 50_000 */
  readonly maxImage?: number;
  /** A recording. @default 2000, about a minute */
  readonly audio?: number;
  /** A film. @default 16_000, about a minute */
  readonly video?: number;
  /** A document that is not plain text, such as a PDF. @default 8000, about five pages */
  readonly document?: number;
  /** What a vendor wraps around one tool definition. @default 10 */
  readonly perTool?: number;
  /** The most one generated image may cost. @default 6240, a wide one in high quality */
  readonly generatedImage?: number;
}

/** What applies where nothing is configured; `image` stays with the model. */
export const defaultMedia: Required<Omit<MediaConstants, "image">> = {
  maxImage: 50_000,
  audio: 2000,
  video: 16_000,
  document: 8000,
  perTool: 10,
  generatedImage: 6240,
};
