// Finds what SECURITY.md says of tests: `[a test's name](path/to/file)`.

const LINK =
  /\[(?<name>[^\]]+)\]\((?<path>tests\/|xtask\/src\/|platform\/tests\/|platform\/src\/|fuzz\/|src\/)(?<rest>[^)]+)\)/g;

/** Lists the links to tests, each as `{name, path}`. */
export function findTestLinks(markdown) {
  const oneLine = markdown.replace(/\s*\n\s*/g, " ");
  return [...oneLine.matchAll(LINK)].map(({ groups }) => ({
    name: groups.name,
    path: groups.path + groups.rest,
  }));
}

/** Whether a file's text defines that test: as a string in JavaScript, as a function in Rust, or as what is fuzzed. */
export function definesTest(path, source, name) {
  if (path === `fuzz/targets/${name.replaceAll(" ", "_")}.rs`) return source.includes("fuzz_target!");
  if (path.endsWith(".rs")) return new RegExp(`\\bfn ${name.replaceAll(" ", "_")}\\(`).test(source);
  return source.includes(name);
}

/** The rows of the table of promises that link to no test, by their first cell. */
export function promisesWithoutTest(markdown) {
  const section = markdown.split(/^## /m).find((part) => part.startsWith("What is promised"));
  if (section === undefined) return ["(there is no section `What is promised`)"];
  const rows = section.split("\n").filter((line) => /^\| (?!-+ )(?!Promise )/.test(line));
  return rows.filter((row) => findTestLinks(row).length === 0).map((row) => row.split("|")[1].trim());
}
