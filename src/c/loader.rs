//! What the loader calls when the library is loaded and when the process exits.

use super::calls;
use super::operators_new::_Znwm;
use super::standard::{free, realloc};
use crate::front::life;
use crate::os::interposer;
use crate::os::processor::Caller;
use crate::os::unwind;
use core::ffi::{c_char, c_void};

type Environment = *const *const c_char;

extern "C" fn begin(_: i32, _: *const *const c_char, environment: Environment) {
    // SAFETY: glibc calls constructors with argc, argv and the environment.
    unsafe { life::begin_library(environment) };
    interposer::look_for(free, realloc);
    life::look_for_operators(_Znwm as *const c_void);
    life::begin_hooks(&calls::HOOKS);
}

extern "C" fn end() {
    life::end_library(&Caller::here(), &unwind::here());
}

#[cfg(not(test))]
#[used]
#[link_section = ".init_array"]
static BEGIN: extern "C" fn(i32, *const *const c_char, Environment) = begin;

#[cfg(not(test))]
#[used]
#[link_section = ".fini_array"]
static END: extern "C" fn() = end;
