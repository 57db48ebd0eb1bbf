/* What module.c does with arguments: borrow their memory, or say which one is wrong and how. */
#ifndef EDGE_ARGUMENTS_H
#define EDGE_ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#if defined(Py_LIMITED_API) && Py_LIMITED_API + 0 < 0x030B0000
/* The buffer protocol entered the limited API with 3.11, but its layout and functions have been the same since 3.3. */
typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;
PyAPI_FUNC(int) PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags);
PyAPI_FUNC(void) PyBuffer_Release(Py_buffer *view);
#define PyBUF_FORMAT 0x0004
#define PyBUF_STRIDES (0x0010 | 0x0008)
#endif

/* Arrays borrowed for one call. */
typedef struct {
    Py_buffer view[6];
    int count;
} Views;

enum { ANY = 0, MOST_DIMENSIONS = 4 };

/* What an argument has to be. A size (or number of dimensions up to 3) of ANY is left open. */
typedef struct {
    const char *name; /* as the caller knows it */
    char type;        /* struct letter: B uint8, H uint16, h int16, I uint32, i int32, d float64 */
    int writable, ndim;
    Py_ssize_t shape[MOST_DIMENSIONS];
} Wanted;

static const char *type_name(char type)
{
    return type == 'B'   ? "uint8"
           : type == 'H' ? "uint16"
           : type == 'h' ? "int16"
           : type == 'I' ? "uint32"
           : type == 'i' ? "int32"
                         : "float64";
}

static void drop(Views *views)
{
    while (views->count)
        PyBuffer_Release(&views->view[--views->count]);
}

static void write_shape(char text[80], int ndim, const Py_ssize_t *shape)
{
    int at = snprintf(text, 80, "[");
    for (int i = 0; i < ndim && at < 60; i++) {
        const char *comma = i ? "," : "";
        at += shape[i] ? snprintf(text + at, 80 - (size_t)at, "%s%lld", comma, (long long)shape[i])
                       : snprintf(text + at, 80 - (size_t)at, "%s*", comma);
    }
    snprintf(text + at, 80 - (size_t)at, "]");
}

static int shape_error(const Py_buffer *view, const char *name, const char *expected)
{
    char found[80];
    write_shape(found, view->ndim, view->shape);
    PyErr_Format(PyExc_ValueError, "%s: expected shape %s, found %s", name, expected, found);
    return -1;
}

static int is_contiguous(const Py_buffer *view)
{
    Py_ssize_t expected = view->itemsize;
    for (int i = view->ndim - 1; i >= 0; i--) {
        if (view->shape[i] > 1 && view->strides[i] != expected)
            return 0;
        expected *= view->shape[i];
    }
    return 1;
}

/* Borrow an array of any shape and strides; NULL with an error set where type or permission is wrong. */
static Py_buffer *borrow(Views *views, PyObject *object, const char *name, char type, int writable)
{
    Py_buffer *view = &views->view[views->count];
    if (PyObject_GetBuffer(object, view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s: expected an array of %s, found %R; pass a NumPy array or a buffer", name,
                     type_name(type), (PyObject *)Py_TYPE(object));
        return NULL;
    }
    views->count++;
    const char *format = view->format ? view->format : "B";
    format += *format == '@' || *format == '=' || *format == '<';
    if (format[0] != type || format[1]) {
        PyErr_Format(PyExc_TypeError, "%s: expected dtype %s, found format '%s'", name, type_name(type),
                     view->format ? view->format : "B");
        return NULL;
    }
    if (writable && view->readonly) {
        PyErr_Format(PyExc_ValueError, "%s: is read-only, but results are written there; pass a writable array", name);
        return NULL;
    }
    if ((uintptr_t)view->buf % (size_t)view->itemsize) {
        PyErr_Format(PyExc_ValueError, "%s: expected memory aligned to its dtype; pass a copy", name);
        return NULL;
    }
    return view;
}

/* Borrow a C-contiguous array of a given shape. */
static Py_buffer *hold(Views *views, PyObject *object, Wanted wanted)
{
    Py_buffer *view = borrow(views, object, wanted.name, wanted.type, wanted.writable);
    if (!view)
        return NULL;
    int fits = wanted.ndim ? view->ndim == wanted.ndim : view->ndim >= 1 && view->ndim < MOST_DIMENSIONS;
    for (int i = 0; fits && i < view->ndim; i++)
        fits = view->shape[i] >= 1 && (!wanted.shape[i] || wanted.shape[i] == view->shape[i]);
    if (!fits) {
        char expected[80];
        write_shape(expected, wanted.ndim ? wanted.ndim : MOST_DIMENSIONS - 1, wanted.shape);
        shape_error(view, wanted.name, expected);
        return NULL;
    }
    if (!is_contiguous(view)) {
        PyErr_Format(PyExc_ValueError, "%s: expected C-contiguous memory; pass numpy.ascontiguousarray(%s)", wanted.name,
                     wanted.name);
        return NULL;
    }
    return view;
}

/* A wanted array of another one's shape. */
static Wanted alike(const char *name, char type, int writable, const Py_buffer *other)
{
    Wanted wanted = {name, type, writable, other->ndim, {0}};
    for (int i = 0; i < other->ndim && i < MOST_DIMENSIONS; i++)
        wanted.shape[i] = other->shape[i];
    return wanted;
}

static size_t elements(const Py_buffer *view)
{
    return (size_t)(view->len / view->itemsize);
}

static int expect_arguments(const char *function, Py_ssize_t found, Py_ssize_t least, Py_ssize_t most)
{
    if (found >= least && found <= most)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s: expected %zd to %zd arguments, found %zd", function, least, most, found);
    return -1;
}

static int number_of(PyObject *object, const char *name, double least, double most, double *number)
{
    *number = PyFloat_AsDouble(object);
    if (*number == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s: expected a number, found %R", name, object);
        return -1;
    }
    if (*number >= least && *number <= most)
        return 0;
    char range[64];
    snprintf(range, sizeof range, "%g to %g", least, most);
    PyErr_Format(PyExc_ValueError, "%s: expected a number from %s, found %R", name, range, object);
    return -1;
}

static int gamma_of(PyObject *object, double *gamma)
{
    return number_of(object, "gamma", 0.01, 100.0, gamma);
}

/* minimum <= maximum, whole numbers of 0..255. */
static int range_of(PyObject *const *args, int *minimum, int *maximum)
{
    const long low = PyLong_AsLong(args[0]), high = PyLong_AsLong(args[1]);
    if (PyErr_Occurred())
        return -1;
    if (low < 0 || high < low || high >= EDGE_LEVELS) {
        PyErr_Format(PyExc_ValueError, "minimum, maximum: expected 0 <= minimum <= maximum <= 255, found %ld, %ld", low,
                     high);
        return -1;
    }
    *minimum = (int)low;
    *maximum = (int)high;
    return 0;
}

/* ---- Sources ---- */

typedef struct {
    const uint8_t *data;
    ptrdiff_t stride;
    int height, width;
} Picture;

static const char *const FORMATS[EDGE_FORMATS] = {"bgr", "rgb", "grey", "yuyv", "uyvy", "nv12", "i420"};

static int format_named(const char *name, EdgeFormat *format)
{
    for (int i = 0; i < EDGE_FORMATS; i++)
        if (!strcmp(name, FORMATS[i])) {
            *format = (EdgeFormat)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "format: expected bgr, rgb, grey, yuyv, uyvy, nv12 or i420, found '%s'", name);
    return -1;
}

static int format_of(PyObject *object, EdgeFormat *format)
{
    const char *name = PyUnicode_AsUTF8AndSize(object, NULL);
    return name ? format_named(name, format) : -1;
}

static int packed_bytes(EdgeFormat format)
{
    return format <= EDGE_RGB ? 3 : format == EDGE_YUYV || format == EDGE_UYVY ? 2 : 1;
}

static int is_planar(EdgeFormat format)
{
    return format == EDGE_NV12 || format == EDGE_I420;
}

static const char *source_shape(EdgeFormat format)
{
    return format <= EDGE_RGB    ? "[height,width,3]"
           : format == EDGE_GREY ? "[height,width]"
           : is_planar(format)   ? "[height*3/2,width], height and width even"
                                 : "[height,width,2], width even";
}

static int sides_fit(EdgeFormat format, Py_ssize_t height, Py_ssize_t width)
{
    if (height < 1 || width < 1 || height > EDGE_MAX_SIDE || width > EDGE_MAX_SIDE)
        return 0;
    return (format < EDGE_YUYV || width % 2 == 0) && (!is_planar(format) || height % 2 == 0);
}

/* A picture whose shape says its size; rows may lie any distance apart, the pixels of a row may not. */
static int shaped_picture(const Py_buffer *view, const char *name, EdgeFormat format, Picture *picture)
{
    const int bytes = packed_bytes(format), ndim = bytes == 1 ? 2 : 3;
    if (view->ndim != ndim || (ndim == 3 && view->shape[2] != bytes) || (is_planar(format) && view->shape[0] % 3))
        return shape_error(view, name, source_shape(format));
    const Py_ssize_t height = is_planar(format) ? view->shape[0] / 3 * 2 : view->shape[0], width = view->shape[1];
    if (height > EDGE_MAX_SIDE || width > EDGE_MAX_SIDE)
        return shape_error(view, name, "with sides up to 4096");
    if (!sides_fit(format, height, width))
        return shape_error(view, name, source_shape(format));
    if ((width > 1 && view->strides[1] != bytes) || (ndim == 3 && view->strides[2] != 1) ||
        (format == EDGE_I420 && !is_contiguous(view))) {
        PyErr_Format(PyExc_ValueError, "%s: expected the pixels of a row next to each other (and all of i420 without "
                                       "gaps); pass numpy.ascontiguousarray(%s)", name, name);
        return -1;
    }
    *picture = (Picture){view->buf, view->strides[0], (int)height, (int)width};
    return 0;
}

static int must_shrink(const Picture *picture, const Py_buffer *target, const char *name)
{
    if (target->shape[0] <= picture->height && target->shape[1] <= picture->width)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: expected a size within the source's %dx%d, found %zdx%zd; shrink never enlarges",
                 name, picture->width, picture->height, target->shape[1], target->shape[0]);
    return -1;
}

#endif
