// SPDX-License-Identifier: GPL-2.0-only
//
// py_session.c - struct session as the type fim._core.Session.
//
// One call a batch: pump() returns the lines that are ready as one bytes
// object. The GIL is released while it waits, reads and renders; `busy` keeps a
// second thread out meanwhile.
#include "py_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static PyObject *session_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);

	(void)args;
	(void)keywords;
	return allocate(type, 0); // zeroed
}

static int copy_texts(struct py_session *self, const char *const given[4])
{
	for (int i = 0; i < 4; i++) {
		self->texts[i] = strdup(given[i]);
		if (!self->texts[i])
			return -ENOMEM;
	}
	return 0;
}

static int session_tp_init(PyObject *object, PyObject *args, PyObject *keywords)
{
	static char *names[] = {"stream", "boot_id", "host", "labels", "seed", "text",
				"utc", "one_file_system", "find_links", "arguments", NULL};
	struct py_session *self = (struct py_session *)object;
	struct session_options options = {0};
	const char *texts[4], *seed;
	int text = 0, utc = 0, one = 0, links = 0, arguments = ARGUMENTS_REDACTED, error;
	Py_ssize_t seed_length;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "ssssy#|ppppi:Session", names, &texts[0],
					 &texts[1], &texts[2], &texts[3], &seed, &seed_length,
					 &text, &utc, &one, &links, &arguments))
		return -1;
	if (self->ready || seed_length != SESSION_SEED_SIZE) {
		PyErr_SetString(PyExc_ValueError, "Session: made twice, or a seed of a wrong size");
		return -1;
	}
	error = copy_texts(self, texts);
	options = (struct session_options){self->texts[0], self->texts[1], self->texts[2],
					   self->texts[3], seed, text, utc, one, links,
					   (enum arguments_shown)arguments};
	if (error == 0)
		error = session_init(&self->session, &options);
	self->ready = error == 0;
	return error == 0 ? 0 : (core_raise(error, "session"), -1);
}

static void session_dealloc(PyObject *object)
{
	struct py_session *self = (struct py_session *)object;
	PyTypeObject *type = Py_TYPE(object);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	if (self->ready)
		session_deinit(&self->session);
	for (int i = 0; i < 4; i++)
		free(self->texts[i]);
	release(object);
	Py_DECREF(type);
}

struct session *py_session_enter(PyObject *object)
{
	struct py_session *self = (struct py_session *)object;

	if (self->ready && !self->busy) {
		self->busy = true;
		return &self->session;
	}
	PyErr_SetString(PyExc_RuntimeError, self->ready ? "the session is in use by another thread"
							: "the session is closed");
	return NULL;
}

PyObject *py_session_leave(PyObject *object, int error, const char *what)
{
	((struct py_session *)object)->busy = false;
	if (error < 0)
		return core_raise(error, what);
	Py_RETURN_NONE;
}

static PyObject *session_py_tap(PyObject *self, PyObject *args)
{
	struct tap_maps maps;
	unsigned long long pages, entries;
	const char *functions[SESSION_LEARN];
	struct session *session;
	int program, error;

	if (!PyArg_ParseTuple(args, "(iiiiiiii)KK(zz)i:tap", &maps.watched, &maps.sequence,
			      &maps.counters, &maps.settings, &maps.learned, &maps.events,
			      &maps.wanted, &maps.absent, &pages, &entries, &functions[0],
			      &functions[1], &program) ||
	    !(session = py_session_enter(self)))
		return NULL;
	error = session_tap(session, &maps, pages, entries, functions, program);
	return py_session_leave(self, error, "perf ring");
}

typedef int plain_call(struct session *session);

static PyObject *call_plain(PyObject *self, plain_call *call, const char *what)
{
	struct session *session = py_session_enter(self);

	return session ? py_session_leave(self, call(session), what) : NULL;
}

static PyObject *session_py_switch(PyObject *self, PyObject *unused)
{
	(void)unused;
	return call_plain(self, session_switch, "switch");
}

static PyObject *session_py_scan_begin(PyObject *self, PyObject *unused)
{
	(void)unused;
	return call_plain(self, session_scan_begin, "scan");
}

static PyObject *session_py_scan_end(PyObject *self, PyObject *unused)
{
	(void)unused;
	return call_plain(self, session_scan_end, "scan");
}

static PyObject *session_py_watch_nothing(PyObject *self, PyObject *unused)
{
	(void)unused;
	return call_plain(self, session_watch_nothing, "watched");
}

static PyObject *take_lines(struct session *session)
{
	PyObject *lines = PyBytes_FromStringAndSize(session->out.data,
						    (Py_ssize_t)session->out.length);

	buffer_reset(&session->out);
	return lines;
}

static PyObject *session_py_pump(PyObject *self, PyObject *args)
{
	struct session *session;
	PyObject *lines;
	int timeout, final = 0, error;

	if (!PyArg_ParseTuple(args, "i|p:pump", &timeout, &final) || !(session = py_session_enter(self)))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	error = session_pump(session, timeout, final);
	Py_END_ALLOW_THREADS
	if (error < 0)
		return py_session_leave(self, error, "perf ring");
	lines = take_lines(session);
	((struct py_session *)self)->busy = false;
	return lines;
}

static PyObject *session_py_emit(PyObject *self, PyObject *args)
{
	const char *kind, *members, *message;
	Py_ssize_t members_length, message_length;
	struct session *session;
	int error;

	if (!PyArg_ParseTuple(args, "ss#s#:emit", &kind, &members, &members_length, &message,
			      &message_length) || !(session = py_session_enter(self)))
		return NULL;
	error = session_emit(session, kind, bytes_of(members, (size_t)members_length),
			     bytes_of(message, (size_t)message_length));
	return py_session_leave(self, error, kind);
}

static int add_counts(PyObject *dict, const struct session *session)
{
	int error = core_set_number(dict, "inodes", inode_table_count(&session->inodes));

#define ADD_COUNT(NAME, word) \
	if (error == 0) \
		error = core_set_number(dict, word, session_counted(session, SESSION_##NAME));
	SESSION_COUNTS(ADD_COUNT)
#undef ADD_COUNT
#define ADD_COUNTER(number, NAME, meaning) \
	if (error == 0 && session->taps[0]) \
		error = core_set_number(dict, "kernel_" #NAME, \
					tap_counter(session->taps[0], FIM_COUNTER_##NAME));
	FIM_COUNTERS(ADD_COUNTER)
#undef ADD_COUNTER
	return error;
}

static PyObject *session_py_counts(PyObject *self, PyObject *unused)
{
	struct session *session = py_session_enter(self);
	PyObject *dict;

	(void)unused;
	if (!session)
		return NULL;
	dict = PyDict_New();
	if (dict && add_counts(dict, session) < 0) {
		Py_DECREF(dict);
		dict = NULL;
	}
	((struct py_session *)self)->busy = false;
	return dict;
}

static PyObject *session_py_canary(PyObject *self, PyObject *unused)
{
	struct session *session = py_session_enter(self);
	PyObject *lines;

	(void)unused;
	if (!session)
		return NULL;
	lines = PyBytes_FromStringAndSize(session->heard.data, (Py_ssize_t)session->heard.length);
	buffer_reset(&session->heard);
	((struct py_session *)self)->busy = false;
	return lines;
}

static PyObject *session_py_limit(PyObject *self, PyObject *args)
{
	struct session *session;
	unsigned rate;
	int join;

	if (!PyArg_ParseTuple(args, "pI:limit", &join, &rate) || !(session = py_session_enter(self)))
		return NULL;
	return py_session_leave(self, session_limit(session, join, rate), "limit");
}

static PyObject *session_py_contents(PyObject *self, PyObject *unused)
{
	struct session *session = py_session_enter(self);
	PyObject *entries;

	(void)unused;
	if (!session)
		return NULL;
	session->wants_contents = true;
	entries = PyBytes_FromStringAndSize(session->contents.data,
					    (Py_ssize_t)session->contents.length);
	buffer_reset(&session->contents);
	((struct py_session *)self)->busy = false;
	return entries;
}

static PyObject *session_py_tried(PyObject *self, PyObject *unused)
{
	struct session *session = py_session_enter(self);
	unsigned long long seen;

	(void)unused;
	if (!session)
		return NULL;
	seen = session->tried;
	session->tried = 0;
	((struct py_session *)self)->busy = false;
	return PyLong_FromUnsignedLongLong(seen);
}

static PyObject *session_py_wants_room(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct py_session *)self)->session.need_room);
}

static PyObject *session_py_unread(PyObject *self, PyObject *unused)
{
	const struct session *session = &((struct py_session *)self)->session;

	(void)unused;
	return PyLong_FromSize_t(session->unread_count + session->awaited.count);
}

static PyObject *session_py_progress(PyObject *self, PyObject *unused)
{
	struct session *session = &((struct py_session *)self)->session;

	(void)unused;
	return PyLong_FromUnsignedLongLong(__atomic_load_n(&session->drains, __ATOMIC_RELAXED));
}

static PyMethodDef session_methods[] = {
	{"tap", session_py_tap, METH_VARARGS,
	 "tap(maps, pages, entries, learn_functions, learn_program)\n--\n\n"
	 "Read from one more set of attached programs."},
	{"switch", session_py_switch, METH_NOARGS,
	 "switch()\n--\n\nThe second set of programs takes over."},
	{"scan_begin", session_py_scan_begin, METH_NOARGS,
	 "scan_begin()\n--\n\nScans may run."},
	{"scan_end", session_py_scan_end, METH_NOARGS, "scan_end()\n--\n\nThe scan is over."},
	{"hold", session_py_hold, METH_VARARGS,
	 "hold(flag)\n--\n\nWhile true, records are read and wait for their names."},
	{"watch", session_py_watch, METH_VARARGS,
	 "watch(path)\n--\n\nWatch a tree, a file, or a name. OSError(ENOSPC): no room."},
	{"roots", session_py_roots, METH_NOARGS,
	 "roots()\n--\n\nThe paths watched, as they are now, each with a NUL."},
	{"count_names", session_py_count_names, METH_VARARGS,
	 "count_names(path, limit)\n--\n\nHow many names watch(path) would enter."},
	{"exclude", session_py_exclude, METH_VARARGS,
	 "exclude(pattern)\n--\n\nNames that match this pattern are not wanted."},
	{"spot", session_py_spot, METH_VARARGS,
	 "spot(path, bits)\n--\n\nThe tree lies in these blind spots."},
	{"own", session_py_own, METH_VARARGS,
	 "own(descriptor)\n--\n\nWhat we write there is not told."},
	{"find_links", session_py_find_links, METH_NOARGS,
	 "find_links()\n--\n\nSearch for the other names of watched files."},
	{"find_older", session_py_find_older, METH_VARARGS,
	 "find_older(tell=True)\n--\n\nFind what is open for writing since before the monitor, or its new hash."},
	{"watch_nothing", session_py_watch_nothing, METH_NOARGS,
	 "watch_nothing()\n--\n\nEmpty the hash of watched inodes."},
	{"watch_canary", session_py_watch_canary, METH_VARARGS,
	 "watch_canary(path)\n--\n\nWatch the canary's scratch directory."},
	{"pump", session_py_pump, METH_VARARGS,
	 "pump(timeout_ms, final=False)\n--\n\nWait, read, render: the lines as bytes."},
	{"emit", session_py_emit, METH_VARARGS,
	 "emit(kind, members, message)\n--\n\nRender a record of another kind."},
	{"reconcile", session_py_reconcile, METH_VARARGS,
	 "reconcile(since_ns)\n--\n\nCompare everything watched with what is known of it."},
	{"observed", session_py_observed, METH_VARARGS,
	 "observed(cursor)\n--\n\nWhat is known, in parts: (next cursor, bytes)."},
	{"earlier", session_py_earlier, METH_VARARGS,
	 "earlier(parts)\n--\n\nWhat an earlier session knew."},
	{"told", session_py_told, METH_VARARGS,
	 "told(path, mode=0, uid=0, gid=0, size=0, nlink=0, mtime_ns=0, ctime_ns=0)\n--\n\n"
	 "What it said of a name after that."},
	{"forget_earlier", session_py_forget_earlier, METH_NOARGS,
	 "forget_earlier()\n--\n\nLet go of what an earlier session knew."},
	{"compare", session_py_compare, METH_VARARGS,
	 "compare(since_ns)\n--\n\nCompare with what an earlier session knew."},
	{"counts", session_py_counts, METH_NOARGS, "counts()\n--\n\nEvery counter by name."},
	{"tried", session_py_tried, METH_NOARGS,
	 "tried()\n--\n\nBits of the canary's failed attempts seen since the last call."},
	{"canary", session_py_canary, METH_NOARGS,
	 "canary()\n--\n\nThe records of the canary since the last call, as bytes of JSON lines."},
	{"limit", session_py_limit, METH_VARARGS,
	 "limit(join, rate)\n--\n\nJoin repeats; tell at most so many records a second of a process."},
	{"contents", session_py_contents, METH_NOARGS,
	 "contents()\n--\n\nWhat to read since the last call: a seq, two inodes, a path, a NUL."},
	{"progress", session_py_progress, METH_NOARGS,
	 "progress()\n--\n\nA number that grows while a long call of another thread gets on."},
	{"unread", session_py_unread, METH_NOARGS,
	 "unread()\n--\n\nHow many directories are watched and not read yet, and names read and not told."},
	{"keys", session_py_keys, METH_VARARGS,
	 "keys(count)\n--\n\nLook for the next keys: (how many are gone, whether the last was one)."},
	{"wants_room", session_py_wants_room, METH_NOARGS,
	 "wants_room()\n--\n\nWhether the hash is, or soon will be, full."},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot session_slots[] = {
	{Py_tp_doc, "One monitor: rings in, lines out. See fim/_core.pyi."},
	{Py_tp_new, session_new},
	{Py_tp_init, session_tp_init},
	{Py_tp_dealloc, session_dealloc},
	{Py_tp_methods, session_methods},
	{0, NULL},
};

PyType_Spec core_session_spec = {
	.name = "fim._core.Session",
	.basicsize = sizeof(struct py_session),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = session_slots,
};
