import { countOf, fieldsOf, isFields, listOf } from "../fields.ts";
import type { Reading, RequestReader } from "../reader.ts";
import { sourceOf, type Tally } from "../tally.ts";

/** What high fidelity to an input image adds; more for what is not square, which is assumed. */
const HIGH_FIDELITY = 6240;

function readImage(image: unknown, tally: Tally): void {
  const { image_url: url } = fieldsOf(image);
  tally.image({ source: sourceOf(isFields(image) ? url : image) });
}

/** `POST /v1/images/generations` and `/edits`; nothing tells beforehand what a picture costs. */
export const readImages: RequestReader = (body, tally): Reading => {
  tally.text(body.prompt);
  const images = [
    ...(body.image === undefined || body.image === null ? [] : [body.image].flat()),
    ...listOf(body.images),
  ];
  for (const image of images) readImage(image, tally);
  if (isFields(body.mask) || typeof body.mask === "string") readImage(body.mask, tally);
  if (images.length > 0 && body.input_fidelity === "high") tally.tokens(HIGH_FIDELITY);
  return { cap: tally.generatedImage, multiplicity: countOf(body.n), stream: body.stream === true };
};
