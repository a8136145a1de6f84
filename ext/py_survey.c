// SPDX-License-Identifier: GPL-2.0-only
//
// py_survey.c - struct survey as the type fim._core.Survey.
//
// One call a batch, as lists of (path, facts), both bytes. The GIL is released
// while it waits; `busy` keeps a second thread out meanwhile.
#include "python.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey.h"

struct py_survey {
	PyObject_HEAD
	struct survey survey;
	bool busy;
};

static PyObject *survey_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);

	(void)args;
	(void)keywords;
	return allocate(type, 0); // zeroed
}

static int copy_roots(struct survey *survey, PyObject *roots)
{
	Py_ssize_t count = PyTuple_Size(roots);

	survey->roots = calloc((size_t)count + 1, sizeof(*survey->roots));
	for (Py_ssize_t i = 0; survey->roots && i < count; i++) {
		char *path; // NULL for the length: refuses an embedded NUL

		if (PyBytes_AsStringAndSize(PyTuple_GetItem(roots, i), &path, NULL) < 0)
			return -1;
		survey->roots[i] = strdup(path);
		if (!survey->roots[i])
			break;
	}
	if (survey->roots && (count == 0 || survey->roots[count - 1]))
		return 0;
	PyErr_NoMemory();
	return -1;
}

static int copy_patterns(struct survey *survey, PyObject *patterns)
{
	for (Py_ssize_t i = 0; patterns && i < PyTuple_Size(patterns); i++) {
		char *pattern;

		if (PyBytes_AsStringAndSize(PyTuple_GetItem(patterns, i), &pattern, NULL) < 0)
			return -1;
		if (exclude_add(&survey->exclude, pattern) < 0) {
			PyErr_NoMemory();
			return -1;
		}
	}
	return 0;
}

static int survey_tp_init(PyObject *object, PyObject *args, PyObject *keywords)
{
	static char *names[] = {"roots", "algorithm", "workers", "quick", "one_file_system",
				"bytes_per_second", "exclude", NULL};
	struct survey *survey = &((struct py_survey *)object)->survey;
	const char *algorithm;
	PyObject *roots, *patterns = NULL;
	int quick = 0, one = 0, error;
	unsigned long long pace = 0;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!sI|ppKO!:Survey", names, &PyTuple_Type,
					 &roots, &algorithm, &survey->workers, &quick, &one, &pace,
					 &PyTuple_Type, &patterns))
		return -1;
	if (survey->roots || survey->workers == 0) {
		PyErr_SetString(PyExc_ValueError, "Survey: made twice, or without workers");
		return -1;
	}
	survey->examine.quick = quick;
	survey->examine.pace.bytes_per_second = pace;
	survey->one_file_system = one;
	survey->examine.kind = core_digest_kind(algorithm);
	if (!survey->examine.kind || copy_roots(survey, roots) < 0 ||
	    copy_patterns(survey, patterns) < 0)
		return -1;
	error = survey_start(survey);
	if (error < 0)
		core_raise(error, "survey");
	return error < 0 ? -1 : 0;
}

static void survey_dealloc(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	Py_BEGIN_ALLOW_THREADS
	survey_end(&((struct py_survey *)object)->survey);
	Py_END_ALLOW_THREADS
	release(object);
	Py_DECREF(type);
}

static bool begin(struct py_survey *self)
{
	if (!self->busy && self->survey.ring) {
		self->busy = true;
		return true;
	}
	PyErr_SetString(PyExc_RuntimeError, "Survey: closed, or in use by another thread");
	return false;
}

static PyObject *pair_of(const struct survey_entry *entry)
{
	PyObject *path = PyBytes_FromStringAndSize(entry->path.data,
						   (Py_ssize_t)entry->path.length - 1);
	PyObject *facts = PyBytes_FromStringAndSize(entry->facts.data,
						    (Py_ssize_t)entry->facts.length);
	PyObject *pair = path && facts ? PyTuple_Pack(2, path, facts) : NULL;

	Py_XDECREF(path);
	Py_XDECREF(facts);
	return pair;
}

static int notice(struct survey *survey, const struct survey_entry *entry)
{
	struct bytes path = bytes_of(entry->path.data, entry->path.length - 1);

	if (entry->error == EXAMINE_MOVING)
		return survey_notice(survey, path, 0, "it changed while it was read");
	return survey_notice(survey, path, entry->error < 0 ? entry->error : -entry->error, NULL);
}

static int add_entry(struct survey *survey, PyObject *list, const struct survey_entry *entry)
{
	PyObject *pair;
	int error;

	if (entry->error == -ENOENT)
		return 0; // gone between its directory's reading and now
	if (entry->error == -ENOMEM || (entry->error != 0 && notice(survey, entry) < 0)) {
		PyErr_NoMemory();
		return -1;
	}
	if (entry->error < 0)
		return 0;
	pair = pair_of(entry);
	error = pair ? PyList_Append(list, pair) : -1;
	Py_XDECREF(pair);
	return error;
}

static int add_batch(struct survey *survey, PyObject *list, const struct survey_batch *batch)
{
	int error = 0;

	for (unsigned int i = 0; error == 0 && i < batch->count; i++)
		error = add_entry(survey, list, &batch->entries[i]);
	return error;
}

// Of the next batches, which are the survey's again.
static PyObject *take(struct survey *survey, int batches)
{
	PyObject *list = PyList_New(0);
	int error = list ? 0 : -1;

	for (; error == 0 && batches > 0; batches--) {
		error = add_batch(survey, list, survey_batch(survey));
		survey_release(survey);
	}
	if (error == 0)
		return list;
	Py_XDECREF(list);
	return NULL;
}

static PyObject *survey_py_next(PyObject *object, PyObject *args)
{
	struct py_survey *self = (struct py_survey *)object;
	int timeout, whole;

	if (!PyArg_ParseTuple(args, "i:next", &timeout) || !begin(self))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	whole = survey_wait(&self->survey, timeout);
	Py_END_ALLOW_THREADS
	self->busy = false;
	if (whole < 0)
		return core_raise(whole, "survey");
	if (whole == 0 && survey_is_over(&self->survey))
		Py_RETURN_NONE;
	return take(&self->survey, whole < SURVEY_ENOUGH ? whole : SURVEY_ENOUGH);
}

static PyObject *survey_py_read(PyObject *object, PyObject *unused)
{
	struct py_survey *self = (struct py_survey *)object;

	(void)unused;
	return PyLong_FromUnsignedLongLong(
		__atomic_load_n(&self->survey.examine.pace.read, __ATOMIC_RELAXED));
}

static PyObject *survey_py_excluded(PyObject *object, PyObject *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLongLong(((struct py_survey *)object)->survey.excluded);
}

static PyObject *survey_py_notices(PyObject *object, PyObject *unused)
{
	struct py_survey *self = (struct py_survey *)object;
	PyObject *list = PyList_New(0);

	(void)unused;
	if (list && !survey_is_over(&self->survey)) {
		Py_DECREF(list);
		PyErr_SetString(PyExc_RuntimeError, "Survey: notices are complete when it is over");
		return NULL;
	}
	for (struct survey_notice *notice = self->survey.notices; list && notice;
	     notice = notice->next) {
		PyObject *item = Py_BuildValue("(yiz)", notice->path, -notice->error, notice->why);

		if (!item || PyList_Append(list, item) < 0) {
			Py_DECREF(list);
			list = NULL;
		}
		Py_XDECREF(item);
	}
	return list;
}

static PyObject *survey_py_close(PyObject *object, PyObject *unused)
{
	struct py_survey *self = (struct py_survey *)object;

	(void)unused;
	if (!self->survey.ring)
		Py_RETURN_NONE;
	if (!begin(self))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	survey_end(&self->survey);
	Py_END_ALLOW_THREADS
	self->busy = false;
	Py_RETURN_NONE;
}

static PyMethodDef survey_methods[] = {
	{"next", survey_py_next, METH_VARARGS,
	 "next(timeout_ms)\n--\n\nThe next (path, facts) pairs; [] not yet, None no more."},
	{"read", survey_py_read, METH_NOARGS, "read()\n--\n\nHow many bytes of content were read."},
	{"notices", survey_py_notices, METH_NOARGS,
	 "notices()\n--\n\nWhat was not looked at: (path, errno, why)."},
	{"excluded", survey_py_excluded, METH_NOARGS,
	 "excluded()\n--\n\nHow many names were left out by a pattern, once it is over."},
	{"close", survey_py_close, METH_NOARGS, "close()\n--\n\nEnd the threads."},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot survey_slots[] = {
	{Py_tp_doc, "The facts of whole trees in the order of paths. See fim/_core.pyi."},
	{Py_tp_new, survey_new},
	{Py_tp_init, survey_tp_init},
	{Py_tp_dealloc, survey_dealloc},
	{Py_tp_methods, survey_methods},
	{0, NULL},
};

PyType_Spec core_survey_spec = {
	.name = "fim._core.Survey",
	.basicsize = sizeof(struct py_survey),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = survey_slots,
};
