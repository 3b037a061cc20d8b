// Writes the schema file again after a change of the fields: `pnpm --filter @tollgate/config schema`.
import { writeFileSync } from "node:fs";

import { schema } from "./schema.ts";

writeFileSync("schema.json", `${JSON.stringify(schema, undefined, 2)}\n`);
