// SPDX-License-Identifier: GPL-2.0-only
//
// module.c - fim._core: the table of what Python sees, and nothing else.
#include "python.h"

#include "facts.h"

static PyMethodDef methods[] = {
	{"decode", core_decode, METH_O, core_decode_doc},
	{"examine", core_examine, METH_VARARGS, core_examine_doc},
	{"digest_prefix", core_digest_prefix, METH_VARARGS, core_digest_prefix_doc},
	{"map_get", core_map_get, METH_VARARGS, core_map_get_doc},
	{"map_put", core_map_put, METH_VARARGS, core_map_put_doc},
	{"map_drop", core_map_drop, METH_VARARGS, core_map_drop_doc},
	{"row_text", core_row_text, METH_O, core_row_text_doc},
	{NULL, NULL, 0, NULL},
};

static int add_constants(PyObject *module)
{
	PyObject *operations = PyDict_New();
	int error = operations ? 0 : -1;

#define ADD_OPERATION(number, NAME, word) \
	if (error == 0) \
		error = core_set_number(operations, word, number);
	FIM_OPERATIONS(ADD_OPERATION)
#undef ADD_OPERATION
	if (error == 0)
		error = PyModule_AddIntConstant(module, "EVENT_ABI", FIM_EVENT_ABI);
	if (error == 0)
		error = PyModule_AddIntConstant(module, "EVENT_SIZE", sizeof(struct fim_event));
	if (error == 0)
		error = PyObject_SetAttrString(module, "OPERATIONS", operations);
	Py_XDECREF(operations);
	return error;
}

// Takes `value` over.
static int add_object(PyObject *module, const char *name, PyObject *value)
{
	int error = value ? PyObject_SetAttrString(module, name, value) : -1;

	Py_XDECREF(value);
	return error;
}

static int core_exec(PyObject *module)
{
	if (add_object(module, "Session", PyType_FromSpec(&core_session_spec)) < 0 ||
	    add_object(module, "Survey", PyType_FromSpec(&core_survey_spec)) < 0 ||
	    add_object(module, "ATTRIBUTES", core_attributes()) < 0 ||
	    PyModule_AddIntConstant(module, "FACTS_HEAD", FACTS_HEAD) < 0)
		return -1;
	return add_constants(module);
}

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, core_exec},
	{0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "fim._core",
	.m_doc = "The hot path of fim in C: see fim/_core.pyi.",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
	return PyModuleDef_Init(&definition);
}
