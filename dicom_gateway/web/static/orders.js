// A device that makes one kind of imaging says which one it is, unless somebody has chosen it.
(() => {
  "use strict";
  const form = document.querySelector("form[data-only-kinds]");
  if (!form) return;
  const kinds = JSON.parse(form.dataset.onlyKinds);
  const { device, modality } = form.elements;
  let filled = "";
  const follow = () => {
    if (modality.value && modality.value !== filled) return;
    filled = Object.hasOwn(kinds, device.value) ? kinds[device.value] : "";
    modality.value = filled;
  };
  device.addEventListener("change", follow);
})();
