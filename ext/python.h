/* SPDX-License-Identifier: GPL-2.0-only
 *
 * python.h - the thin skin: what the files that see Python share.
 *
 * The stable ABI of 3.6. Heap types only; no PyStructSequence (it crashes 3.6
 * and 3.7 in a stable-ABI module); no buffer protocol (not in that ABI).
 */
#ifndef FIM_PYTHON_H
#define FIM_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "digest.h"
#include "event.h"

extern PyType_Spec core_session_spec;
extern PyType_Spec core_survey_spec;

PyObject *core_decode(PyObject *module, PyObject *bytes);
extern const char core_decode_doc[];
PyObject *core_examine(PyObject *module, PyObject *args);
extern const char core_examine_doc[];
PyObject *core_digest_prefix(PyObject *module, PyObject *args);
extern const char core_digest_prefix_doc[];
PyObject *core_map_get(PyObject *module, PyObject *args);
extern const char core_map_get_doc[];
PyObject *core_map_put(PyObject *module, PyObject *args);
extern const char core_map_put_doc[];
PyObject *core_map_drop(PyObject *module, PyObject *args);
extern const char core_map_drop_doc[];
PyObject *core_row_text(PyObject *module, PyObject *rows);
extern const char core_row_text_doc[];
/* NULL with ValueError set: OpenSSL does not have it, or does not allow it. */
const struct digest_kind *core_digest_kind(const char *algorithm);
/* The table of facts.h: (word, letter, form, compared), head first. */
PyObject *core_attributes(void);

/* dict[key] = number. 0 or -1 with an exception set. */
int core_set_number(PyObject *dict, const char *key, unsigned long long number);

/* Raise what a negative errno says: MemoryError, ValueError (-EINVAL, -EPROTO)
 * or OSError with `what` as its file name. Returns NULL. */
PyObject *core_raise(int error, const char *what);

#endif
