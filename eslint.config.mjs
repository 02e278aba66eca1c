// Few rules, for what a reader would not see: unused names, and text as markup.
const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe"];
const BROWSER = [
  "EventSource",
  "ResizeObserver",
  "URLSearchParams",
  "addEventListener",
  "clearTimeout",
  "document",
  "fetch",
  "getComputedStyle",
  "history",
  "location",
  "matchMedia",
  "navigator",
  "setTimeout",
  "window",
];

export default [
  { ignores: ["**/vendor/**", "docs/_build/**", ".nox/**", ".venv/**"] },
  {
    files: ["src/statsd_trio/dev/page/**/*.js"],
    languageOptions: {
      ecmaVersion: 2023,
      globals: Object.fromEntries(BROWSER.map((name) => [name, "readonly"])),
    },
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-undef": "error",
      "no-unused-vars": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        ...MARKUP.map((property) => ({
          property,
          message: "What a client sent is text, never markup.",
        })),
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "TemplateElement[value.raw=/dangerouslySetInnerHTML/], " +
            "Identifier[name='dangerouslySetInnerHTML']",
          message: "What a client sent is text, never markup.",
        },
      ],
    },
  },
];
