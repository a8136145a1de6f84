// SPDX-License-Identifier: GPL-2.0-only
//
// py_functions.c - the module's functions, and how an errno becomes an exception.
#include "python.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "record.h"

PyObject *core_raise(int error, const char *what)
{
	PyObject *arguments, *name, *exception;

	if (error == -ENOMEM)
		return PyErr_NoMemory();
	if (error == -EINVAL || error == -EPROTO) {
		PyErr_Format(PyExc_ValueError, "%s: %s", what, strerror(-error));
		return NULL;
	}
	name = PyUnicode_DecodeFSDefault(what); // it may be a path
	arguments = name ? Py_BuildValue("(isN)", -error, strerror(-error), name) : NULL;
	exception = arguments ? PyObject_CallObject(PyExc_OSError, arguments) : NULL;
	if (exception) { // of the subclass for this errno: up to 3.10 `except` looks at what was set
		PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
		Py_DECREF(exception);
	}
	Py_XDECREF(arguments);
	return NULL;
}

int core_set_number(PyObject *dict, const char *key, unsigned long long number)
{
	PyObject *value = PyLong_FromUnsignedLongLong(number);
	int error = value ? PyDict_SetItemString(dict, key, value) : -1;

	Py_XDECREF(value);
	return error;
}

const char core_decode_doc[] =
	"decode(record)\n--\n\n"
	"The JSON of one raw record, with nothing looked up. ValueError: malformed.";

PyObject *core_decode(PyObject *module, PyObject *bytes)
{
	struct fim_stream stream = {.stream = "", .boot_id = "", .host = {"{}", 2}};
	struct fim_view view = {0};
	struct buffer out = {0};
	Py_ssize_t length;
	char *data;
	PyObject *result = NULL;
	void *copy;
	int error;

	(void)module;
	if (PyBytes_AsStringAndSize(bytes, &data, &length) < 0)
		return NULL;
	copy = malloc(length ? (size_t)length : 1); // aligned, as the decoder wants it
	if (!copy)
		return PyErr_NoMemory();
	memcpy(copy, data, (size_t)length);
	error = fim_decode(copy, (size_t)length, &view.event);
	if (error == 0) {
		fim_render_json(&view, &stream, &out);
		result = out.error ? PyErr_NoMemory()
				   : PyBytes_FromStringAndSize(out.data, (Py_ssize_t)out.length);
	} else {
		core_raise(error, "record");
	}
	buffer_deinit(&out);
	free(copy);
	return result;
}
