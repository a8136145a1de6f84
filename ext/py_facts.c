// SPDX-License-Identifier: GPL-2.0-only
//
// py_facts.c - single files, and the table of attributes.
#include "python.h"

#include <errno.h>
#include <fcntl.h>

#include "examine.h"
#include "facts.h"

const struct digest_kind *core_digest_kind(const char *algorithm)
{
	const char *why;
	const struct digest_kind *kind = digest_find(algorithm, &why);

	if (!kind)
		PyErr_Format(PyExc_ValueError, "%s: %s", algorithm, why);
	return kind;
}

const char core_examine_doc[] =
	"examine(path, algorithm)\n--\n\nThe facts of one name, packed. OSError, ValueError.";

PyObject *core_examine(PyObject *module, PyObject *args)
{
	struct examine_options options = {0};
	struct examiner *examiner;
	struct buffer facts = {0};
	const char *path, *algorithm;
	PyObject *result;
	int error;

	(void)module;
	if (!PyArg_ParseTuple(args, "ys:examine", &path, &algorithm))
		return NULL;
	options.kind = core_digest_kind(algorithm);
	if (!options.kind)
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	examiner = examiner_new(&options);
	error = examiner ? examine(examiner, AT_FDCWD, path, EXAMINE_ANYTHING, &facts) : -ENOMEM;
	examiner_free(examiner);
	Py_END_ALLOW_THREADS
	result = error < 0 ? core_raise(error, path)
			   : PyBytes_FromStringAndSize(facts.data, (Py_ssize_t)facts.length);
	buffer_deinit(&facts);
	return result;
}

const char core_digest_prefix_doc[] =
	"digest_prefix(path, size, algorithm)\n--\n\n"
	"The digest of a file's first bytes. OSError, ValueError.";

PyObject *core_digest_prefix(PyObject *module, PyObject *args)
{
	struct examine_options options = {0};
	struct examiner *examiner;
	unsigned char value[DIGEST_MAX];
	size_t length = 0;
	unsigned long long size;
	const char *path, *algorithm;
	int error;

	(void)module;
	if (!PyArg_ParseTuple(args, "yKs:digest_prefix", &path, &size, &algorithm))
		return NULL;
	options.kind = core_digest_kind(algorithm);
	if (!options.kind)
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	examiner = examiner_new(&options);
	error = examiner ? examine_prefix(examiner, path, size, value, &length) : -ENOMEM;
	examiner_free(examiner);
	Py_END_ALLOW_THREADS
	if (error < 0)
		return core_raise(error, path);
	return PyBytes_FromStringAndSize((char *)value, (Py_ssize_t)length);
}

static int add_row(PyObject *row, struct buffer *out)
{
	Py_ssize_t path_length, facts_length;
	const char *path, *facts;

	if (!PyArg_ParseTuple(row, "y#y#", &path, &path_length, &facts, &facts_length))
		return -1;
	buffer_add_number(out, (uint64_t)path_length, 10, 0);
	buffer_add_byte(out, ' ');
	buffer_add_number(out, (uint64_t)facts_length, 10, 0);
	buffer_add_byte(out, ' ');
	buffer_add(out, path, (size_t)path_length);
	buffer_add(out, facts, (size_t)facts_length);
	return 0;
}

const char core_row_text_doc[] =
	"row_text(rows)\n--\n\n"
	"What a seal is over: of each (path, facts) the two lengths and the two. TypeError.";

PyObject *core_row_text(PyObject *module, PyObject *rows)
{
	PyObject *result = NULL;
	struct buffer out = {0};
	int error = PyList_Check(rows) ? 0 : -1;

	(void)module;
	if (error < 0)
		PyErr_SetString(PyExc_TypeError, "row_text: not a list");
	for (Py_ssize_t i = 0; error == 0 && i < PyList_Size(rows); i++)
		error = add_row(PyList_GetItem(rows, i), &out);
	if (error == 0)
		result = out.error ? PyErr_NoMemory()
				   : PyBytes_FromStringAndSize(out.data, (Py_ssize_t)out.length);
	buffer_deinit(&out);
	return result;
}

static PyObject *attribute(const char *word, char letter, const char *form, const char *compared)
{
	return Py_BuildValue("(sCss)", word, letter, form, compared);
}

PyObject *core_attributes(void)
{
	PyObject *list = PyList_New(0), *tuple = NULL;
	int error = list ? 0 : -1;

#define ADD(NAME, word, letter, form, compared)                         \
	if (error == 0) {                                               \
		PyObject *row = attribute(word, letter, form, compared); \
		error = row ? PyList_Append(list, row) : -1;            \
		Py_XDECREF(row);                                        \
	}
	FACTS_HEAD_ATTRIBUTES(ADD)
	FACTS_TAIL_ATTRIBUTES(ADD)
#undef ADD
	if (error == 0)
		tuple = PyList_AsTuple(list);
	Py_XDECREF(list);
	return tuple;
}
