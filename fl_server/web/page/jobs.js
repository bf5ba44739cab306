// Long work of the server: its progress in the header, with a way to cancel it.

import { cancel, get } from "./api.js";
import { $, el, fill, say } from "./dom.js";

/** Wait for the job that `begun` promises; its progress is shown. The result when it is done. */
export async function follow(begun) {
  let job = await begun;
  const bar = el("progress", { max: 1, "aria-label": job.words });
  const words = el("span", {});
  const line = el("span", {}, words, " ", bar, " ", el("button", { type: "button", "aria-label": `Cancel: ${job.words}`, onclick: () => cancel(`/api/jobs/${job.number}`) }, "Cancel"));
  $("jobs").append(line);
  try {
    for (;;) {
      words.textContent = job.stage || job.words;
      if (job.total) bar.value = job.done / job.total; else bar.removeAttribute("value");
      if (job.state !== "waiting" && job.state !== "running") break;
      await new Promise((resolve) => { setTimeout(resolve, 300); });
      job = await get(`/api/jobs/${job.number}`);
    }
  } finally {
    line.remove();
  }
  if (job.state !== "done") throw new Error(job.error || `${job.words}: ${job.state}`);
  say(`${job.words}: done`);
  return get(`/api/jobs/${job.number}/result`);
}

export function clearJobs() { fill($("jobs")); }
