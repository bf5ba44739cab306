// Light and dark: as the system says, until somebody chooses.

import { $ } from "./dom.js";
import { set, state } from "./state.js";

const KEPT = "vhtwin-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function startTheme() {
  $("theme").addEventListener("click", () => {
    localStorage.setItem(KEPT, state.theme === "dark" ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  show();
}

function show() {
  const theme = localStorage.getItem(KEPT) ?? (system.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
  $("theme").setAttribute("aria-label", theme === "dark" ? "Show the page light" : "Show the page dark");
  set({ theme });
}
