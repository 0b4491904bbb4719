//! Values as `span!` takes them.

use std::borrow::Cow;

use crate::model::{Value, ValueRef};

/// Types that [`span!`](crate::span) accepts as attribute values, borrowed.
pub trait AsValue {
    /// The value.
    fn as_value(&self) -> ValueRef<'_>;
}

macro_rules! as_value {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => {$(
        impl AsValue for $t {
            #[inline]
            fn as_value(&self) -> ValueRef<'_> { let $v = self; $e }
        }
    )*};
}

as_value! {
    bool => |v| ValueRef::Bool(*v),
    i64 => |v| ValueRef::I64(*v),
    i32 => |v| ValueRef::I64((*v).into()),
    i16 => |v| ValueRef::I64((*v).into()),
    u32 => |v| ValueRef::I64((*v).into()),
    u16 => |v| ValueRef::I64((*v).into()),
    u8 => |v| ValueRef::I64((*v).into()),
    u64 => |v| ValueRef::I64(i64::try_from(*v).unwrap_or(i64::MAX)),
    usize => |v| ValueRef::I64(i64::try_from(*v).unwrap_or(i64::MAX)),
    f64 => |v| ValueRef::F64(*v),
    f32 => |v| ValueRef::F64((*v).into()),
    str => |v| ValueRef::String(v),
    String => |v| ValueRef::String(v),
    Cow<'_, str> => |v| ValueRef::String(v),
    Value => |v| v.as_ref(),
}

impl<T: AsValue + ?Sized> AsValue for &T {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        (**self).as_value()
    }
}
