/* SPDX-License-Identifier: GPL-2.0-only
 *
 * py_session.h - fim._core.Session, as the files with its methods share it
 */
#ifndef FIM_PY_SESSION_H
#define FIM_PY_SESSION_H

#include "python.h"

#include "session.h"

struct py_session {
	PyObject_HEAD
	struct session session;
	char *texts[4]; /* stream, boot_id, host, labels: the session points at them */
	bool ready;
	bool busy;
};

/* The session, free to use until it is left, or NULL with an exception set. */
struct session *py_session_enter(PyObject *object);
/* None, or NULL with what a negative errno raises; `what` is what it was about. */
PyObject *py_session_leave(PyObject *object, int error, const char *what);

/* py_session_watch.c */
PyObject *session_py_find_older(PyObject *self, PyObject *args);
PyObject *session_py_find_links(PyObject *self, PyObject *args);
PyObject *session_py_reconcile(PyObject *self, PyObject *args);
PyObject *session_py_observed(PyObject *self, PyObject *args);
PyObject *session_py_earlier(PyObject *self, PyObject *args);
PyObject *session_py_told(PyObject *self, PyObject *args);
PyObject *session_py_forget_earlier(PyObject *self, PyObject *unused);
PyObject *session_py_compare(PyObject *self, PyObject *args);
PyObject *session_py_watch(PyObject *self, PyObject *args);
PyObject *session_py_roots(PyObject *self, PyObject *args);
PyObject *session_py_watch_canary(PyObject *self, PyObject *args);
PyObject *session_py_count_names(PyObject *self, PyObject *args);
PyObject *session_py_exclude(PyObject *self, PyObject *args);
PyObject *session_py_spot(PyObject *self, PyObject *args);
PyObject *session_py_own(PyObject *self, PyObject *args);
PyObject *session_py_hold(PyObject *self, PyObject *args);
PyObject *session_py_keys(PyObject *self, PyObject *args);

#endif
