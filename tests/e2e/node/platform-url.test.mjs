// Which addresses may be a platform's: no others than those that the runtime's own parser reads as the same origin.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";

let folder;

before(async () => {
  folder = await installPackage(fileScope);
});

const HOSTS = [
  "api.example.com",
  "API.Example.com.",
  "a_b-c.example",
  "xn--bcher-kva.example",
  "localhost",
  "x.localhost",
  "127.0.0.1",
  "127.1",
  "0x7f.0.0.1",
  "2130706433",
  "1.2.3.4",
  "1.2.3.04",
  "1.2.3",
  "256.1.1.1",
  "[::1]",
  "[::1",
  "::1",
  "[2001:db8::1]",
  "[1:2:3:4:5:6:7:8]",
  "[1::2::3]",
  "[::ffff:127.0.0.1]",
  "",
  ".",
  "..",
  "a..b",
  "a b",
  "a%41",
  "bücher.example",
  "a\u00adb.example",
  "a\tb",
  "user@host",
  "a\\b",
  "-",
  "a|b",
  "a<b",
  "10.0.2.2",
];
const PORTS = [
  "",
  ":",
  ":0",
  ":1",
  ":80",
  ":443",
  ":0443",
  ":65535",
  ":65536",
  ":99999",
  ":a",
  ":-1",
  ":80:80",
];
const SCHEMES = [
  "https://",
  "HTTPS://",
  "http://",
  "https:/",
  "https:",
  "https:\\\\",
  "https:///",
  "//",
  "ftp://",
];
const PATHS = [
  "",
  "/",
  "//",
  "/base",
  "/base/",
  "/a/../b",
  "/a b",
  "/?x",
  "/#x",
  "/\\",
  "/%2e%2e",
  "/ü",
  "\u0000",
];

test("what is taken, the runtime's own parser reads as the same origin and sends there", async () => {
  const urls = [];
  const device = await startLocalDevice(folder, {
    storage: "memory",
    logger: null,
    timeouts: { callMs: 1_000 },
    fetch: async (url) => (
      urls.push(url),
      new Response('{"errorCode":"NOT_FOUND","message":"","ref":""}', { status: 404 })
    ),
  });
  let taken = 0;
  for (const scheme of SCHEMES) {
    for (const host of HOSTS) {
      for (const [port, path] of [...PORTS.map((port) => [port, ""]), ...PATHS.map((path) => ["", path])]) {
        const text = scheme + host + port + path;
        urls.length = 0;
        const error = await device
          .call("createUser", { authCode: "c", platformUrl: text })
          .catch((error) => error);
        if (error.reason === "INVALID_PARAMS") {
          assert.match(error.message, /platformUrl/, text);
          assert.deepEqual(urls, [], text);
          continue;
        }
        taken += 1;
        const [sent, named] = [new URL(urls[0]), new URL(text)];
        assert.equal(sent.origin, named.origin, text);
        assert.equal(sent.username + sent.password + sent.search + sent.hash, "", text);
        assert.ok(sent.pathname.endsWith("/sdk/v1/users"), text);
        const isLocal = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(sent.hostname);
        assert.ok(sent.protocol === "https:" || (sent.protocol === "http:" && isLocal), text);
      }
    }
  }
  assert.ok(taken > 100, `${taken} were taken`);
});

for (const url of ["http://10.0.2.2:8080", "http://192.168.1.20:8080", "http://app.test"]) {
  test(`${url} is refused with the ways out for a phone or an emulator`, async () => {
    const device = await startLocalDevice(folder);
    await assert.rejects(device.call("initialize", { platformUrl: url }), {
      reason: "INVALID_PARAMS",
      message: /adb reverse tcp:8080 tcp:8080.*tunnel/,
    });
  });
}
