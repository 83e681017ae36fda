// Starts the app in React's strict mode, which runs every effect twice.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.jsx";

window.heard = [];
const root = createRoot(document.getElementById("root"));
window.mount = () =>
  root.render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
window.unmount = () => root.render(null);
window.mount();
