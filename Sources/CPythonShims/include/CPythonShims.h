// CPython's stable ABI for Swift: the API's macros and variables as inline functions, and the layout of our objects.
#ifndef CPYTHONSHIMS_H
#define CPYTHONSHIMS_H

// The buffer protocol came to the stable ABI with Python 3.11.
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

static inline PyObject *mactcp_None(void) { return Py_None; }
static inline void mactcp_incref(PyObject *object) { Py_INCREF(object); }
static inline void mactcp_decref(PyObject *object) { Py_DECREF(object); }
static inline PyObject *mactcp_type(PyObject *object) { return (PyObject *)Py_TYPE(object); }
static inline int mactcp_isInt(PyObject *object) { return PyLong_Check(object); }
static inline int mactcp_isString(PyObject *object) { return PyUnicode_Check(object); }
static inline int mactcp_isExactBytes(PyObject *object) { return PyBytes_CheckExact(object); }

static inline PyObject *mactcp_Exception(void) { return PyExc_Exception; }
static inline PyObject *mactcp_TypeError(void) { return PyExc_TypeError; }
static inline PyObject *mactcp_ValueError(void) { return PyExc_ValueError; }
static inline PyObject *mactcp_OverflowError(void) { return PyExc_OverflowError; }
static inline PyObject *mactcp_AttributeError(void) { return PyExc_AttributeError; }
static inline PyObject *mactcp_ImportError(void) { return PyExc_ImportError; }
static inline PyObject *mactcp_KeyboardInterrupt(void) { return PyExc_KeyboardInterrupt; }

static inline unsigned long mactcp_pythonVersion(void) { return Py_Version; }

/// An object of ours: a Swift object, retained, and what the garbage collector sees of it.
typedef struct {
  PyObject_HEAD
  void *swift;
  /// None, a callable, or NULL in an object that has none.
  PyObject *asr;
  PyObject *weakReferences;
} mactcp_object;

static const Py_ssize_t mactcp_weakReferencesOffset = offsetof(mactcp_object, weakReferences);
static const int mactcp_memberSize = T_PYSSIZET;
static const int mactcp_memberIsReadOnly = READONLY;

static const unsigned int mactcp_typeFlags =
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE;
static const unsigned int mactcp_errorFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;

/// The definition of the one module; PyModuleDef_HEAD_INIT is a macro.
static inline PyModuleDef mactcp_moduleDefinition(const char *name, PyModuleDef_Slot *slots) {
  PyModuleDef definition = {PyModuleDef_HEAD_INIT, name, NULL, 0, NULL, slots, NULL, NULL, NULL};
  return definition;
}

#endif
