// Temporary folders that go away with the scope that made them.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Makes an empty folder.
 *
 * @param scope - Whatever has `after(cleanUp)`: a test's context, or a `Scope`.
 */
export async function makeFolder(scope, name = "scratch") {
  const folder = await mkdtemp(join(tmpdir(), `sentiance-${name}-`));
  scope.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
