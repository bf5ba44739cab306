// Requests to the server, with the token where it asks for one.

import { $ } from "./dom.js";

const KEPT = "vhtwin-token";
const handed = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")); // a + of a token is no space
if (handed.get("token")) { // it leaves the address, the rest of which stays
  sessionStorage.setItem(KEPT, handed.get("token"));
  handed.delete("token");
  const rest = handed.toString();
  history.replaceState(null, "", rest ? `#${rest}` : location.pathname);
}

export class Refused extends Error {
  constructor(status, words) { super(words); this.status = status; }
}

let asking = null;

/** Ask the person for the token, once for all requests that lack it. */
function askForToken() {
  asking ??= new Promise((resolve) => {
    const box = $("token-box");
    box.addEventListener("close", () => {
      sessionStorage.setItem(KEPT, $("token").value);
      asking = null;
      resolve();
    }, { once: true });
    box.showModal();
  });
  return asking;
}

async function request(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEPT);
    const headers = { ...options.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(path, { ...options, headers });
    if (response.ok) return response;
    if (response.status === 401) { await askForToken(); continue; }
    const answer = await response.json().catch(() => ({}));
    throw new Refused(response.status, answer.error || `${response.status} ${response.statusText}`);
  }
}

export const get = async (path) => (await request(path)).json();
export const getFloats = async (path) => new Float32Array(await (await request(path)).arrayBuffer());
export const getBlob = async (path) => (await request(path)).blob();
export const cancel = async (path) => (await request(path, { method: "DELETE" })).json();

export async function post(path, content) {
  const sent = content === undefined ? {} : { body: JSON.stringify(content), headers: { "content-type": "application/json" } };
  return (await request(path, { method: "POST", ...sent })).json();
}

export const ofRun = (run, rest = "") => `/api/runs/${encodeURIComponent(run)}${rest}`;
