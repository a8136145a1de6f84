// SPDX-License-Identifier: GPL-2.0-only
//
// py_session_watch.c - methods of fim._core.Session that say what is watched and what
// is compared
#include "py_session.h"

#include "earlier.h"
#include "visit.h"

// One that takes its time.
static PyObject *call_long(PyObject *self, int call(struct session *session), const char *what)
{
	struct session *session = py_session_enter(self);
	int error;

	if (!session)
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	error = call(session);
	Py_END_ALLOW_THREADS
	return py_session_leave(self, error, what);
}

static int find_older_told(struct session *session)
{
	return session_find_older(session, true);
}

static int find_older_untold(struct session *session)
{
	return session_find_older(session, false);
}

PyObject *session_py_find_older(PyObject *self, PyObject *args)
{
	int tell = 1;

	if (!PyArg_ParseTuple(args, "|p:find_older", &tell))
		return NULL;
	return call_long(self, tell ? find_older_told : find_older_untold, "open descriptors");
}

PyObject *session_py_find_links(PyObject *self, PyObject *unused)
{
	(void)unused;
	return call_long(self, session_find_links, "other names");
}

PyObject *session_py_reconcile(PyObject *self, PyObject *args)
{
	struct session *session;
	unsigned long long since;

	if (!PyArg_ParseTuple(args, "K:reconcile", &since) || !(session = py_session_enter(self)))
		return NULL;
	reconcile_whole(session, session->stream.seq, since);
	return py_session_leave(self, 0, "reconcile");
}

PyObject *session_py_observed(PyObject *self, PyObject *args)
{
	struct session *session;
	struct buffer out = {0};
	PyObject *result;
	unsigned cursor;
	int error;

	if (!PyArg_ParseTuple(args, "I:observed", &cursor) || !(session = py_session_enter(self)))
		return NULL;
	error = earlier_save(session, &cursor, &out);
	result = py_session_leave(self, error, "observed");
	Py_XDECREF(result);
	if (result)
		result = Py_BuildValue("(Iy#)", cursor, out.data ? out.data : "",
				       (Py_ssize_t)out.length);
	buffer_deinit(&out);
	return result;
}

PyObject *session_py_earlier(PyObject *self, PyObject *args)
{
	struct session *session;
	const char *entries;
	Py_ssize_t length;
	int error;

	if (!PyArg_ParseTuple(args, "y#:earlier", &entries, &length) ||
	    !(session = py_session_enter(self)))
		return NULL;
	error = earlier_load(session, bytes_of(entries, (size_t)length));
	return py_session_leave(self, error, "an earlier state");
}

PyObject *session_py_told(PyObject *self, PyObject *args)
{
	unsigned mode = 0, uid = 0, gid = 0, nlink = 0;
	long long mtime = 0, ctime = 0;
	unsigned long long size = 0;
	struct session *session;
	struct traits traits;
	Py_ssize_t length;
	const char *path;
	int error;

	if (!PyArg_ParseTuple(args, "y#|IIIKILL:told", &path, &length, &mode, &uid, &gid, &size,
			      &nlink, &mtime, &ctime) ||
	    !(session = py_session_enter(self)))
		return NULL;
	traits = (struct traits){.mode = mode & 0xffff, .uid = uid, .gid = gid, .nlink = nlink,
				 .size = size, .mtime = mtime, .ctime = ctime,
				 .moving = S_ISDIR(mode)};
	error = earlier_told(session, bytes_of(path, (size_t)length), &traits);
	return py_session_leave(self, error, "an earlier state");
}

PyObject *session_py_forget_earlier(PyObject *self, PyObject *unused)
{
	struct session *session = py_session_enter(self);

	(void)unused;
	if (!session)
		return NULL;
	earlier_deinit(session);
	return py_session_leave(self, 0, "an earlier state");
}

PyObject *session_py_compare(PyObject *self, PyObject *args)
{
	struct session *session;
	unsigned long long since;
	int error;

	if (!PyArg_ParseTuple(args, "K:compare", &since) || !(session = py_session_enter(self)))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	error = earlier_compare(session, since);
	Py_END_ALLOW_THREADS
	return py_session_leave(self, error, "an earlier state");
}

typedef int path_call(struct session *session, const char *path);

static PyObject *call_path(PyObject *self, PyObject *args, path_call *call)
{
	struct session *session;
	const char *path;
	int error;

	if (!PyArg_ParseTuple(args, "y", &path) || !(session = py_session_enter(self)))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	error = call(session, path);
	Py_END_ALLOW_THREADS
	return py_session_leave(self, error, path);
}

PyObject *session_py_watch(PyObject *self, PyObject *args)
{
	return call_path(self, args, session_watch);
}

PyObject *session_py_roots(PyObject *self, PyObject *unused)
{
	struct session *session = py_session_enter(self);
	struct buffer paths = {0};
	PyObject *result;

	(void)unused;
	if (!session)
		return NULL;
	result = py_session_leave(self, session_roots(session, &paths), "roots");
	Py_XDECREF(result);
	if (result)
		result = PyBytes_FromStringAndSize(paths.data, (Py_ssize_t)paths.length);
	buffer_deinit(&paths);
	return result;
}

PyObject *session_py_watch_canary(PyObject *self, PyObject *args)
{
	return call_path(self, args, session_watch_canary);
}

PyObject *session_py_count_names(PyObject *self, PyObject *args)
{
	unsigned long long limit, count;
	struct session *session;
	const char *path;

	if (!PyArg_ParseTuple(args, "yK:count_names", &path, &limit) ||
	    !(session = py_session_enter(self)))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	count = visit_count(session, path, limit);
	Py_END_ALLOW_THREADS
	((struct py_session *)self)->busy = false;
	return PyLong_FromUnsignedLongLong(count);
}

PyObject *session_py_exclude(PyObject *self, PyObject *args)
{
	return call_path(self, args, session_exclude);
}

PyObject *session_py_spot(PyObject *self, PyObject *args)
{
	struct session *session;
	const char *path;
	unsigned bits;

	if (!PyArg_ParseTuple(args, "yI:spot", &path, &bits) || !(session = py_session_enter(self)))
		return NULL;
	return py_session_leave(self, session_spot(session, path, bits), path);
}

PyObject *session_py_own(PyObject *self, PyObject *args)
{
	struct session *session;
	int descriptor, error;

	if (!PyArg_ParseTuple(args, "i:own", &descriptor) || !(session = py_session_enter(self)))
		return NULL;
	error = session_own(session, descriptor);
	return py_session_leave(self, error, "output");
}

PyObject *session_py_hold(PyObject *self, PyObject *args)
{
	struct session *session;
	int hold;

	if (!PyArg_ParseTuple(args, "p:hold", &hold) || !(session = py_session_enter(self)))
		return NULL;
	session_hold(session, hold);
	return py_session_leave(self, 0, "hold");
}

PyObject *session_py_keys(PyObject *self, PyObject *args)
{
	struct session *session;
	unsigned long long altered;
	unsigned count;
	bool over;

	if (!PyArg_ParseTuple(args, "I:keys", &count) || !(session = py_session_enter(self)))
		return NULL;
	altered = session_check_keys(session, count, &over);
	((struct py_session *)self)->busy = false;
	return Py_BuildValue("(KN)", altered, PyBool_FromLong(over));
}
