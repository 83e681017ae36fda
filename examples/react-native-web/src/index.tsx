/** Starts the app in the page. */
import { AppRegistry } from "react-native";
import { App } from "./app";

AppRegistry.registerComponent("Roadbook", () => App);
AppRegistry.runApplication("Roadbook", { rootTag: document.getElementById("root") });
