// A machine that runs in UTC does not say where the practice is; the browser of whoever sets it up often does.
(() => {
  "use strict";
  const choice = document.querySelector("[data-guess-zone] select");
  if (!choice || !["UTC", "Etc/UTC", "Etc/UCT", "Universal"].includes(choice.value)) return;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const found = [...choice.options].find((one) => one.value === zone);
  if (found) found.selected = true;
})();
