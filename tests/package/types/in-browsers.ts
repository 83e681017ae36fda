// What holds only where the runtime's types are those of browsers: the runtime's own objects fit as options.

import type { InitializeOptions } from "@sentiance-react-native/core";

export const options: InitializeOptions = { fetch: window.fetch, storage: localStorage, logger: console };
