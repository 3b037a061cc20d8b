import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { storeContract } from "@tollgate/core/testing";

import { clients, type TestClient } from "./clients.test-support.ts";
import { redisStore } from "./index.ts";
import { describeOnServer, freshPrefix } from "./servers.test-support.ts";

describeOnServer("redisStore", (stage) => {
  describe.each(Object.entries(clients))("on %s", (_, connect) => {
    let connected: TestClient;
    beforeAll(async () => {
      connected = await connect(stage.server.url);
    });
    afterAll(async () => connected.end());

    test.each(storeContract)("$name", ({ run }) =>
      run(({ now }) => redisStore({ client: connected.client, prefix: freshPrefix(), clock: now })),
    );
  });
});
