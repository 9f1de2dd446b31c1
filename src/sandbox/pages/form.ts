import { type Html, html } from '../../web/html.js';

/** A form that was refused. Its page shows it again with the values, and the error at its field. */
export interface RefusedForm {
  readonly status: number;
  readonly values: URLSearchParams;
  /** The name of the field with the error, if the error is about one. */
  readonly field: string | undefined;
  readonly message: string;
}

/** A labelled text field. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly value?: string | number | undefined;
  /** Further attributes of the input. */
  readonly attributes?: Html;
  /** Default: the name. Required if two fields of a page have the same name. */
  readonly id?: string;
}

/** Shows a field. If the form was refused, it keeps the submitted value. */
export function field({ name, label, hint, value, attributes, id = name }: Field, refused?: RefusedForm): Html {
  const shown = refused === undefined ? value : refused.values.get(name);
  const isWrong = refused?.field === name;
  return html`<p><label for="${id}">${label}${hint !== undefined && html`<small>${hint}</small>`}</label>
<input id="${id}" name="${name}" value="${shown}" ${attributes}${
    isWrong && html` aria-invalid="true" aria-describedby="${id}-error"`
  }>
${isWrong && html`<small class="error" role="alert" id="${id}-error">${refused.message}</small>`}</p>`;
}

/** Shows an error that belongs to none of these fields. */
export function formError(fields: readonly string[], refused?: RefusedForm): Html {
  const isShown = refused !== undefined && !fields.includes(refused.field ?? '');
  return html`${isShown && html`<p class="notice bad" role="alert">${refused.message}</p>`}`;
}
