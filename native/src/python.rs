//! The engine as Python sees it. `engine/engine.py` describes each method.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::IntoIter;

use memchr::memchr;
#[cfg(target_os = "linux")]
use pyo3::exceptions::PyOSError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use pyo3::{import_exception, intern};

use crate::bucket::{Entry, Number};
use crate::engine::{Dropped, Engine, Kind, Limits, NONE, Outcome};
use crate::histogram::{Aggregate, Histogram};
use crate::member::Members;
use crate::memory::Share;
#[cfg(target_os = "linux")]
use crate::receive;
use crate::sketch::QuantileSketch;

import_exception!(statsd_trio.engine.engine, EngineError);

/// How many values of histograms one call may sort, which takes about 0.5 ms.
const SORTED_AT_ONCE: usize = 8192;
/// How many bins one call may list.
const BINS_AT_ONCE: usize = 8192;
/// How many contexts one call may free, which takes about 0.1 ms.
const RECYCLED_AT_ONCE: usize = 512;

/// The contexts of the handles.
#[derive(Default)]
struct Contexts {
    handles: Mutex<Handles>,
    /// How many closed buckets are not walked to their end.
    closed: AtomicUsize,
}

#[derive(Default)]
struct Handles {
    held: Vec<Option<Py<PyAny>>>,
    free: Vec<u32>,
    /// Contexts that have left the table, but may still be in a closed bucket.
    leaving: Vec<u32>,
}

impl Contexts {
    fn get(&self, py: Python<'_>, handle: u32) -> Option<Py<PyAny>> {
        lock(&self.handles).held[handle as usize].as_ref().map(|context| context.clone_ref(py))
    }
}

/// Lock what only one thread uses at a time. Nobody ever waits, but the last thread
/// that holds it may be another one than the thread that made it.
///
/// While it is locked no Python code may run, because it might come back here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // If a call was interrupted by a failure, the engine is replaced, and only walked
    // to its end.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The figures to compute for a histogram.
struct Figures {
    aggregates: Vec<Aggregate>,
    percentiles: Vec<u32>,
    count_divisor: f64,
}

#[pyclass(name = "Engine", module = "statsd_trio._native", frozen)]
pub struct PyEngine {
    engine: Mutex<Engine>,
    contexts: Arc<Contexts>,
    figures: Arc<Figures>,
    /// How many calls until one fails, for tests; 0 for never.
    fails_in: AtomicUsize,
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (*, aggregates, percentiles, count_divisor, max_heads, max_set_values, max_bin_count))]
    fn new(
        aggregates: Vec<String>,
        percentiles: Vec<u32>,
        count_divisor: f64,
        max_heads: usize,
        max_set_values: usize,
        max_bin_count: u64,
    ) -> PyResult<Self> {
        let aggregates = aggregates
            .into_iter()
            .map(|name| {
                Aggregate::from_name(&name).ok_or_else(|| {
                    PyValueError::new_err(format!("no aggregate is called {name:?}"))
                })
            })
            .collect::<PyResult<_>>()?;
        Ok(Self {
            engine: Mutex::new(Engine::new(Limits { max_heads, max_set_values, max_bin_count })),
            contexts: Arc::default(),
            figures: Arc::new(Figures { aggregates, percentiles, count_divisor }),
            fails_in: AtomicUsize::new(0),
        })
    }

    #[classattr]
    fn name() -> &'static str {
        concat!("native ", env!("CARGO_PKG_VERSION"))
    }

    #[getter]
    fn condensed(&self) -> u64 {
        lock(&self.engine).condensed
    }

    #[getter]
    fn is_used(&self) -> bool {
        lock(&self.engine).is_used()
    }

    /// The bytes of heads, of strings of sets, and of values.
    #[getter]
    fn memory_used(&self) -> (usize, usize, usize) {
        let engine = lock(&self.engine);
        (engine.head_memory().used(), engine.set_memory.used(), engine.value_memory.used())
    }

    fn limit_memory(&self, heads: usize, sets: usize, values: usize) {
        let engine = lock(&self.engine);
        engine.head_memory().set_limit(heads);
        engine.set_memory.set_limit(sets);
        engine.value_memory.set_limit(values);
    }

    /// How many heads are known, for tests.
    #[getter]
    fn head_count(&self) -> usize {
        lock(&self.engine).head_count()
    }

    /// Add every line that is known and not in doubt; give the others back in order.
    fn take(&self, chunk: &[u8], give_back: &Bound<'_, PyAny>) -> PyResult<(usize, usize, usize)> {
        let py = give_back.py();
        let (mut metrics, mut filtered, mut values) = (0, 0, 0);
        let mut rest = chunk;
        while !rest.is_empty() {
            let in_doubt = guard(|| {
                // It is locked for several lines at a time, but not while `give_back`
                // runs, which adds to this same engine.
                let mut engine = lock(&self.engine);
                self.fail_as_asked();
                while !rest.is_empty() {
                    let line;
                    (line, rest) = match memchr(b'\n', rest) {
                        Some(end) => (&rest[..end], &rest[end + 1..]),
                        None => (rest, &[] as &[u8]),
                    };
                    match engine.take_line(line) {
                        Outcome::Added(count) => {
                            metrics += 1;
                            values += count;
                        }
                        Outcome::Filtered => filtered += 1,
                        Outcome::Empty => {}
                        Outcome::InDoubt => return Some(line),
                    }
                }
                None
            })
            .map_err(|panic| EngineError::new_err((panic.0, metrics, filtered, values)))?;
            if let Some(line) = in_doubt {
                give_back.call1((PyBytes::new(py, line),))?;
            }
        }
        Ok((metrics, filtered, values))
    }

    fn learn(
        &self,
        line: &[u8],
        kind: u8,
        context: Option<&Bound<'_, PyAny>>,
        sample_rate: f64,
    ) -> PyResult<()> {
        let handle = context.map_or(Ok(NONE), |context| self.find_handle(context))?;
        let kind = read_kind(kind)?;
        self.with(|engine| engine.learn(line, handle, kind, sample_rate))
    }

    fn add<'py>(
        &self,
        context: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
        sample_rate: f64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = context.py();
        let handle = self.find_handle(context)?;
        let is_set = read_kind(context.getattr(intern!(py, "kind"))?.extract()?)? == Kind::Set;
        let dropped = PyDict::new(py);
        for (index, value) in values.try_iter()?.enumerate() {
            let value = value?;
            let text: &[u8] = if is_set { value.extract()? } else { &[] };
            let number = if is_set { 0.0 } else { value.extract()? };
            let outcome = guard(|| {
                let mut engine = lock(&self.engine);
                self.fail_as_asked();
                if is_set {
                    engine.add_member(handle, text)
                } else {
                    engine.add_number(handle, number, sample_rate)
                }
            })
            // This tells the caller which values were dealt with before.
            .map_err(|panic| EngineError::new_err((panic.0, 0, 0, index)))?;
            let Err(reason) = outcome else { continue };
            let reason = match reason {
                Dropped::Overflow => intern!(py, "overflow"),
                Dropped::SetValues => intern!(py, "set_values"),
                Dropped::Memory => intern!(py, "memory"),
            };
            let before: usize = dropped.get_item(reason)?.map_or(Ok(0), |held| held.extract())?;
            dropped.set_item(reason, before + 1)?;
        }
        Ok(dropped)
    }

    fn require_exact(&self, context: &Bound<'_, PyAny>) -> PyResult<()> {
        let handle = self.find_handle(context)?;
        self.with(|engine| engine.require_exact(handle))
    }

    fn is_filled(&self, context: &Bound<'_, PyAny>) -> PyResult<bool> {
        let handle: i64 = context.getattr(intern!(context.py(), "handle"))?.extract()?;
        Ok(u32::try_from(handle).is_ok_and(|handle| lock(&self.engine).is_filled(handle)))
    }

    fn forget(&self, context: &Bound<'_, PyAny>) -> PyResult<()> {
        let attribute = intern!(context.py(), "handle");
        let handle: i64 = context.getattr(attribute)?.extract()?;
        let Ok(handle) = u32::try_from(handle) else {
            return Ok(());
        };
        context.setattr(attribute, -1)?;
        lock(&self.contexts.handles).leaving.push(handle);
        self.with(|engine| engine.forget(handle))
    }

    fn forget_heads(&self) {
        lock(&self.engine).forget_heads();
    }

    fn advance(&self, now: f64) -> PyResult<()> {
        // The cast saturates: times before 1970 become 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let second = now as u32;
        self.with(|engine| engine.advance(second))
    }

    /// Free some contexts that were forgotten; return true while more remain.
    fn tidy(&self) -> bool {
        self.recycle_handles()
    }

    fn close(&self) -> PyClosedBucket {
        let mut engine = lock(&self.engine);
        let bucket = engine.close();
        self.contexts.closed.fetch_add(1, Ordering::Relaxed);
        PyClosedBucket {
            contexts: Arc::clone(&self.contexts),
            figures: Arc::clone(&self.figures),
            set_memory: engine.set_memory.clone(),
            value_memory: engine.value_memory.clone(),
            counters: Mutex::new(bucket.counters.into_iter()),
            gauges: Mutex::new(bucket.gauges.into_iter()),
            sets: Mutex::new(bucket.sets.into_iter()),
            histograms: Mutex::new(bucket.histograms.into_iter()),
            sketches: Mutex::new(bucket.sketches.into_iter()),
            freeing: Mutex::default(),
        }
    }

    /// Fail in one of the next calls, to test what happens then; 1 means the next call.
    ///
    /// `add` counts as one call for each of its values.
    fn fail_in(&self, calls: usize) {
        self.fails_in.store(calls, Ordering::Relaxed);
    }
}

impl PyEngine {
    /// Use the engine for one call, which must never call back into it.
    fn with<T>(&self, work: impl FnOnce(&mut Engine) -> T) -> PyResult<T> {
        Ok(guard(|| {
            let mut engine = lock(&self.engine);
            self.fail_as_asked();
            work(&mut engine)
        })?)
    }

    fn fail_as_asked(&self) {
        let left = self.fails_in.load(Ordering::Relaxed);
        if left > 0 {
            self.fails_in.store(left - 1, Ordering::Relaxed);
            assert!(left > 1, "asked to fail, by a test");
        }
    }

    /// Return the handle of a context, which gets one if it has none.
    fn find_handle(&self, context: &Bound<'_, PyAny>) -> PyResult<u32> {
        let py = context.py();
        let attribute = intern!(py, "handle");
        let held: i64 = context.getattr(attribute)?.extract()?;
        let handle = match u32::try_from(held) {
            Ok(handle) => handle,
            Err(_) => self.open_handle(context)?,
        };
        let copy = context.getattr(intern!(py, "copy"))?;
        if !copy.is_none() {
            let copy = self.find_handle(&copy)?;
            self.with(|engine| engine.set_copy(handle, copy))?;
        }
        Ok(handle)
    }

    fn open_handle(&self, context: &Bound<'_, PyAny>) -> PyResult<u32> {
        let py = context.py();
        let kind = read_kind(context.getattr(intern!(py, "kind"))?.extract()?)?;
        let handle = {
            let mut handles = lock(&self.contexts.handles);
            let held = Some(context.clone().unbind());
            if let Some(handle) = handles.free.pop() {
                handles.held[handle as usize] = held;
                handle
            } else {
                handles.held.push(held);
                u32::try_from(handles.held.len() - 1)
                    .map_err(|_| PyRuntimeError::new_err("there are too many contexts"))?
            }
        };
        context.setattr(intern!(py, "handle"), handle)?;
        self.with(|engine| engine.open_handle(handle, kind))?;
        Ok(handle)
    }

    /// Give up some handles that are in no bucket any more; return true while more
    /// remain.
    fn recycle_handles(&self) -> bool {
        if self.contexts.closed.load(Ordering::Relaxed) > 0 {
            return false;
        }
        // Dropped at the end, when nothing is locked.
        let mut dropped = Vec::new();
        let mut handles = lock(&self.contexts.handles);
        let engine = lock(&self.engine);
        while dropped.len() < RECYCLED_AT_ONCE {
            let Some(handle) = handles.leaving.pop() else {
                break;
            };
            if engine.is_filled(handle) {
                handles.leaving.push(handle);
                return false;
            }
            dropped.push(handles.held[handle as usize].take());
            handles.free.push(handle);
        }
        !handles.leaving.is_empty()
    }
}

/// A closed bucket, which is walked type by type.
#[pyclass(name = "ClosedBucket", module = "statsd_trio._native", frozen)]
pub struct PyClosedBucket {
    contexts: Arc<Contexts>,
    figures: Arc<Figures>,
    set_memory: Share,
    value_memory: Share,
    counters: Mutex<IntoIter<Number>>,
    gauges: Mutex<IntoIter<Number>>,
    sets: Mutex<IntoIter<Entry<Members>>>,
    histograms: Mutex<IntoIter<Entry<Histogram>>>,
    sketches: Mutex<IntoIter<Entry<QuantileSketch>>>,
    freeing: Mutex<Vec<Members>>,
}

#[pymethods]
impl PyClosedBucket {
    fn take_counters<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        self.take_numbers(py, &self.counters, limit)
    }

    fn take_gauges<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        self.take_numbers(py, &self.gauges, limit)
    }

    fn take_sets<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        self.take_entries(py, &self.sets, limit, usize::MAX, |members| {
            let count = members.count();
            self.set_memory.change(members.size, 0);
            lock(&self.freeing).push(members);
            Ok(Some((count, 1)))
        })
    }

    /// Take out up to *limit* histograms, or fewer if they have many values.
    fn take_histograms<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        self.take_entries(py, &self.histograms, limit, SORTED_AT_ONCE, |mut histogram| {
            let sorted = histogram.kept();
            self.value_memory.change(histogram.size(), 0);
            if histogram.is_empty() {
                // All of its values were dropped; it was opened to record which type
                // came first.
                return Ok(None);
            }
            let asked = &self.figures;
            let figures = guard(|| {
                histogram.summarise(&asked.aggregates, &asked.percentiles, asked.count_divisor)
            })?;
            Ok(Some((figures, sorted)))
        })
    }

    fn take_sketches<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        self.take_entries(py, &self.sketches, limit, BINS_AT_ONCE, |mut sketch| {
            self.value_memory.change(sketch.size(), 0);
            if sketch.count == 0 {
                return Ok(None);
            }
            let (keys, counts): (Vec<_>, Vec<_>) =
                guard(|| sketch.list_bins())?.into_iter().unzip();
            let listed = keys.len();
            let (keys, counts) = (PyTuple::new(py, keys)?, PyTuple::new(py, counts)?);
            let (count, min, max) = (sketch.count, sketch.min, sketch.max);
            Ok(Some(((count, min, max, sketch.sum, sketch.average(), keys, counts), listed)))
        })
    }

    /// Free up to *limit* tables of strings; return true while more remain.
    fn free(&self, limit: usize) -> bool {
        let mut freeing = lock(&self.freeing);
        for _ in 0..limit {
            let Some(members) = freeing.last_mut() else {
                return false;
            };
            if !members.free_some() {
                freeing.pop();
            }
        }
        !freeing.is_empty()
    }
}

impl PyClosedBucket {
    /// Take out up to *limit* entries, or fewer if their costs, which *describe*
    /// returns, add up to *bound*. An entry is skipped if *describe* returns `None`.
    fn take_entries<'py, T, D: IntoPyObject<'py>>(
        &self,
        py: Python<'py>,
        entries: &Mutex<IntoIter<Entry<T>>>,
        limit: usize,
        bound: usize,
        describe: impl Fn(T) -> PyResult<Option<(D, usize)>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let taken = PyList::empty(py);
        let mut spent = 0;
        while taken.len() < limit && spent < bound {
            let Some(entry) = lock(entries).next() else { break };
            if let Some((described, cost)) = describe(*entry.held)? {
                spent += cost;
                taken.append((self.contexts.get(py, entry.handle), entry.seen, described))?;
            }
        }
        Ok(taken)
    }

    fn take_numbers<'py>(
        &self,
        py: Python<'py>,
        numbers: &Mutex<IntoIter<Number>>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let taken: Vec<_> = lock(numbers)
            .by_ref()
            .take(limit)
            .map(|number| {
                let context = self.contexts.get(py, number.handle);
                (context, number.seen, number.value)
            })
            .collect();
        PyList::new(py, taken)
    }
}

impl Drop for PyClosedBucket {
    fn drop(&mut self) {
        // The entries that nobody took out.
        let sets = lock(&self.sets);
        let sizes = sets.as_slice().iter().map(|entry| entry.held.size);
        self.set_memory.change(sizes.sum(), 0);
        let histograms = lock(&self.histograms);
        let sizes = histograms.as_slice().iter().map(|entry| entry.held.size());
        self.value_memory.change(sizes.sum(), 0);
        let sketches = lock(&self.sketches);
        let sizes = sketches.as_slice().iter().map(|entry| entry.held.size());
        self.value_memory.change(sizes.sum(), 0);
        self.contexts.closed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Receive up to *limit* datagrams that wait, without blocking.
///
/// Each is cut to *size* bytes, and comes with its sender: the credentials of a Unix
/// socket if *control* bytes are reserved for them, and the raw socket address
/// otherwise. An empty list means that nothing waits.
#[cfg(target_os = "linux")]
#[pyfunction]
#[pyo3(signature = (fd, size, limit, control = 0))]
fn receive_many<'py>(
    py: Python<'py>,
    fd: i32,
    size: usize,
    limit: usize,
    control: usize,
) -> PyResult<Bound<'py, PyList>> {
    let received = PyList::empty(py);
    let mut last: Option<Bound<'py, PyBytes>> = None;
    receive::receive_many(fd, size, limit, control, |data, sender| {
        // Most packets come from the same sender as the one before.
        let sender = match last.take() {
            Some(same) if same.as_bytes() == sender => same,
            _ => PyBytes::new(py, sender),
        };
        last = Some(sender.clone());
        received.append((PyBytes::new(py, data), sender))
    })
    .map_err(|error| match error {
        receive::Failure::System(number) => PyOSError::new_err((number, message_of(number))),
        receive::Failure::Python(error) => error,
    })?;
    Ok(received)
}

#[cfg(target_os = "linux")]
fn message_of(number: i32) -> String {
    let text = std::io::Error::from_raw_os_error(number).to_string();
    // "… (os error 9)": the number is shown beside it already.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn read_kind(number: u8) -> PyResult<Kind> {
    Kind::from_number(number).ok_or_else(|| PyValueError::new_err("there is no such kind"))
}

/// The message of a panic.
struct Panic(String);

impl From<Panic> for PyErr {
    fn from(panic: Panic) -> Self {
        EngineError::new_err(panic.0)
    }
}

/// Run a function that may panic, and return the panic instead of ending the process.
fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Panic(message.to_owned())
    })
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<PyEngine>()?;
    module.add_class::<PyClosedBucket>()?;
    #[cfg(target_os = "linux")]
    module.add_function(wrap_pyfunction!(receive_many, module)?)?;
    Ok(())
}
