// SPDX-License-Identifier: GPL-2.0-only
//
// py_map.c - one element of a BPF map, as bytes of the sizes that maps.h gives it.
#include "python.h"

#include <errno.h>

#include "bpf_map.h"

#define VALUE_MOST 64

const char core_map_get_doc[] =
	"map_get(map, key, size)\n--\n\nThe value of a key, None where there is none.";
const char core_map_put_doc[] = "map_put(map, key, value)\n--\n\nThe key has this value now.";
const char core_map_drop_doc[] = "map_drop(map, key)\n--\n\nThe key is not there any more.";

static PyObject *result_of(int error)
{
	if (error < 0 && error != -ENOENT)
		return core_raise(error, "map");
	Py_RETURN_NONE;
}

PyObject *core_map_get(PyObject *module, PyObject *args)
{
	char value[VALUE_MOST];
	const char *key;
	Py_ssize_t key_length, size;
	int map, error;

	(void)module;
	if (!PyArg_ParseTuple(args, "iy#n:map_get", &map, &key, &key_length, &size))
		return NULL;
	if (size > VALUE_MOST)
		return core_raise(-EINVAL, "map");
	error = bpf_map_lookup(map, key, value);
	return error < 0 ? result_of(error) : PyBytes_FromStringAndSize(value, size);
}

PyObject *core_map_put(PyObject *module, PyObject *args)
{
	const char *key, *value;
	Py_ssize_t key_length, value_length;
	int map;

	(void)module;
	if (!PyArg_ParseTuple(args, "iy#y#:map_put", &map, &key, &key_length, &value, &value_length))
		return NULL;
	return result_of(bpf_map_update(map, key, value));
}

PyObject *core_map_drop(PyObject *module, PyObject *args)
{
	const char *key;
	Py_ssize_t key_length;
	int map;

	(void)module;
	if (!PyArg_ParseTuple(args, "iy#:map_drop", &map, &key, &key_length))
		return NULL;
	return result_of(bpf_map_delete(map, key));
}
