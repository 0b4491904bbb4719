// The page: banner, header, and the sections in the order in which one reads a system.

import { html, render, useEffect, useState } from './lib.js';
import { connect, connection } from './live.js';
import { Header, Tiles } from './components/header.js';
import { Plots } from './components/plots.js';
import { Operations } from './components/operations.js';
import { Traces } from './components/traces.js';
import { Anomalies } from './components/anomalies.js';
import { Alerts } from './components/alerts.js';
import { Pipeline } from './components/pipeline.js';
import { TraceDialog } from './components/waterfall.js';

function Banner() {
  const { state, retryAt } = connection.value;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (state !== 'lost') return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [state, retryAt]);
  const seconds = Math.ceil((retryAt - now) / 1000);
  return html`<div role="alert">
    ${state === 'lost' && html`<div class="banner">
      <span>Connection to the server lost: what you see is the last known state.
        <span aria-hidden="true"> ${seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…'}</span></span>
      <button type="button" class="button" onClick=${connect}>Try now</button>
    </div>`}
  </div>`;
}

function App() {
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <${Banner} />
    <${Header} />
    <main id="main" tabindex="-1">
      <${Tiles} />
      <div class="columns">
        <div class="column">
          <${Plots} />
          <${Traces} />
          <${Operations} />
        </div>
        <div class="column side">
          <${Anomalies} />
          <${Alerts} />
          <${Pipeline} />
        </div>
      </div>
    </main>
    <${TraceDialog} />`;
}

// The address after # names what is open, so the skip link moves the focus itself.
function skip(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}

const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
connect();
