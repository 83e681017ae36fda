/** The rules for JavaScript and TypeScript: the recommended ones, and with types for what ships. */
import js from "@eslint/js";
import globals from "globals";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["pkg/", "target/", "artifacts/", "examples/*/dist/", "**/.work/"] },
  js.configs.recommended,
  { files: ["**/*.{js,mjs}"], languageOptions: { globals: globals.node } },
  { files: ["**/*.jsx"], languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } } } },
  { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs", globals: globals.node } },
  // Parts of these files run in a page.
  {
    files: [
      "tests/e2e/**",
      "tests/conformance/claims*/**",
      "tests/conformance/claims.test.mjs",
      "bench/**",
      "demo/**",
      "src/driver/**",
    ],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["js/**/*.ts", "tests/package/fault-injection/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Checked indexed access makes these necessary, where the loop's bound or the build proves the element.
      "@typescript-eslint/no-non-null-assertion": "off",
      // Rejections carry what the runtime or the core has thrown, whatever it is.
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      // Says that a function returns a promise, even where it has nothing to wait for.
      "@typescript-eslint/require-await": "off",
    },
  },
);
