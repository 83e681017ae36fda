// Bundles the app for the web: what it imports from React Native comes from React Native Web.

import { defineConfig } from "vite";

export default defineConfig({
  resolve: { alias: { "react-native": "react-native-web" } },
});
