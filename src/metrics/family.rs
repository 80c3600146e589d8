//! From a field with a doc comment to a registered metric with a help text.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// A kind of metric, and what it needs besides name and help: label names, or buckets.
pub(super) trait Kind: Collector + Clone + Sized + 'static {
    /// What it needs.
    type Shape: ?Sized;

    /// Makes one.
    fn of(name: &str, help: &str, shape: &Self::Shape) -> Result<Self, prometheus::Error>;
}

macro_rules! kinds {
    ($($kind:ident, $shape:ty, |$opts:ident, $given:ident| $make:expr;)+) => {
        $(impl Kind for $kind {
            type Shape = $shape;

            fn of(name: &str, help: &str, $given: &$shape) -> Result<Self, prometheus::Error> {
                let $opts = Opts::new(name, help);
                $make
            }
        })+
    };
}

kinds! {
    IntCounter, (), |opts, _none| Self::with_opts(opts);
    IntGauge, (), |opts, _none| Self::with_opts(opts);
    IntCounterVec, [&'static str], |opts, labels| Self::new(opts, labels);
    IntGaugeVec, [&'static str], |opts, labels| Self::new(opts, labels);
    Histogram, [f64], |opts, buckets| Self::with_opts(HistogramOpts::from(opts).buckets(buckets.to_vec()));
}

/// Makes and registers one metric.
pub(super) fn register<K: Kind>(
    registry: &Registry,
    (name, help): (&str, &str),
    shape: &K::Shape,
) -> Result<K, prometheus::Error> {
    let metric = K::of(name, help.trim(), shape)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// A struct of metrics. Each field's doc comment is its help text.
macro_rules! metrics {
    (
        $(#[$about:meta])*
        struct $name:ident {
            $($(#[doc = $help:literal])+ $field:ident: $kind:ident($($shape:expr)?) = $metric:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug)]
        struct $name {
            $($(#[doc = $help])+ $field: $kind,)+
        }

        impl $name {
            fn register(registry: &prometheus::Registry) -> Result<Self, prometheus::Error> {
                Ok(Self {
                    $($field: {
                        let shape: &<$kind as $crate::metrics::family::Kind>::Shape =
                            $crate::metrics::family::shape!($($shape)?);
                        $crate::metrics::family::register(registry, ($metric, concat!($($help),+)), shape)?
                    },)+
                })
            }
        }
    };
}

macro_rules! shape {
    () => {
        &()
    };
    ($shape:expr) => {
        $shape
    };
}

pub(super) use {metrics, shape};
