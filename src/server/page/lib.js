// One door to the vendored libraries, so that their paths are written once.

import { h, render } from './vendor/preact.js';
import htm from './vendor/htm.js';

export { render };
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from './vendor/preact-hooks.js';
export { signal, computed, effect, batch } from './vendor/signals.js';

// Tagged template that makes Preact elements. Values are always set as text or properties, never parsed as HTML.
export const html = htm.bind(h);
