/** Joins the facade's declarations into one file; the code itself is bundled by esbuild. */
import { dts } from "rollup-plugin-dts";

export default { input: "js/index.ts", plugins: [dts({ tsconfig: "tsconfig.json" })] };
