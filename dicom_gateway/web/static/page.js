// What every page does: stays up to date, opens its menu on a phone, asks before what cannot be undone.
(() => {
  "use strict";
  const PAUSE = 700; // ms: changes that come together are one
  let stream = null;
  let timer = 0;

  const refresh = () => {
    timer = 0;
    for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "live");
  };
  const changed = () => {
    if (!timer) timer = setTimeout(refresh, PAUSE);
  };
  const tell = (isLost) => {
    const state = document.getElementById("live-state");
    if (state) state.textContent = isLost ? state.dataset.lost : "";
  };
  const open = () => {
    if (stream || document.hidden || !document.querySelector("[data-live]")) return;
    stream = new EventSource("/live");
    stream.addEventListener("change", changed);
    stream.addEventListener("end", () => location.reload());
    stream.addEventListener("open", () => {
      tell(false);
      changed(); // what changed between the page and its stream
    });
    stream.addEventListener("error", () => {
      tell(true);
      if (stream && stream.readyState === EventSource.CLOSED) {
        stream = null;
        setTimeout(open, 5000);
      }
    });
  };
  const close = () => {
    if (stream) stream.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else {
      open();
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.triggeringEvent && event.detail.triggeringEvent.type === "live") event.detail.headers["X-Live"] = "1";
  });

  const showBadges = () => {
    for (const place of document.querySelectorAll("[data-badge]")) {
      const found = document.querySelector(`#badges [data-for="${place.dataset.badge}"]`);
      place.className = found ? "count" : "";
      place.replaceChildren();
      if (!found) continue;
      const number = document.createElement("span");
      number.setAttribute("aria-hidden", "true");
      number.textContent = found.textContent;
      const words = document.createElement("span");
      words.className = "unseen";
      words.textContent = `: ${found.title}`;
      place.append(number, words);
      place.title = found.title;
    }
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "badges") showBadges();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".menu-button");
    if (!button) return;
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset ? event.target.dataset.ask : "";
    if (question && !confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const button = event.submitter;
    if (button && event.target.method === "post" && !event.target.hasAttribute("hx-post")) {
      setTimeout(() => { button.disabled = true; }, 0);
      setTimeout(() => { button.disabled = false; }, 8000);
    }
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button && navigator.clipboard) {
      navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.classList.add("copied");
    }
    if (event.target.closest("[data-print]")) print();
  });

  // What somebody has opened or closed stays so when its part is fetched again.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");

  document.addEventListener("DOMContentLoaded", () => {
    open();
    const wrong = document.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
  });
})();
