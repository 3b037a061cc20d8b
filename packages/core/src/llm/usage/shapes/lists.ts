import { type JsonObject, objectsAt } from "../json-value.ts";
import type { Tally } from "../tally.ts";

/** Answers without text: embeddings and pictures. */
export function readLists(body: JsonObject, tally: Tally): boolean {
  if (Array.isArray(body["embeddings"]) || Array.isArray(body["embedding"])) return true;
  const [first] = objectsAt(body, "data");
  if (first === undefined) return false;
  const embedding = body["object"] === "list" && "embedding" in first;
  if (!embedding && !("b64_json" in first)) return false;
  tally.named(body["model"]);
  return true;
}
