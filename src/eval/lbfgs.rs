//! Limited-memory BFGS (Nocedal 1980) for smooth convex functions.

use std::collections::VecDeque;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// When no component of the gradient is larger.
    pub gradient: f64,
    /// After so many steps.
    pub steps: usize,
}

/// How many past steps approximate the curvature.
const MEMORY: usize = 10;

/// The decrease that a step must bring, as a share of what the slope promises.
const ARMIJO: f64 = 1e-4;

/// A past step: change of the point, change of the gradient, and one over their product.
struct Step {
    point: Vec<f64>,
    gradient: Vec<f64>,
    scale: f64,
}

/// Minimises a function that writes its gradient and returns its value.
pub(super) fn minimise(
    start: Vec<f64>,
    stop: Stop,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let mut memory: VecDeque<Step> = VecDeque::with_capacity(MEMORY);
    let mut next = vec![0.0; point.len()];
    let mut next_gradient = vec![0.0; point.len()];
    for _ in 0..stop.steps {
        if gradient.iter().all(|g| g.abs() <= stop.gradient) {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        // The very first direction has no scale: begin with a step of unit length.
        let mut length = if memory.is_empty() { 1.0 / norm(&direction).max(1.0) } else { 1.0 };
        let mut found = false;
        for _ in 0..30 {
            for ((next, at), d) in next.iter_mut().zip(&point).zip(&direction) {
                *next = at + length * d;
            }
            let next_value = function(&next, &mut next_gradient);
            if next_value <= value + ARMIJO * length * slope {
                value = next_value;
                found = true;
                break;
            }
            length /= 2.0;
        }
        if !found {
            break;
        }
        let step = Step::between(&point, &next, &gradient, &next_gradient);
        std::mem::swap(&mut point, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        // Without curvature along the step it says nothing of use.
        if step.scale.is_finite() && step.scale > 0.0 {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(step);
        }
    }
    point
}

impl Step {
    fn between(from: &[f64], to: &[f64], gradient: &[f64], next: &[f64]) -> Self {
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let (point, gradient): (Vec<f64>, Vec<f64>) = (minus(to, from), minus(next, gradient));
        let scale = 1.0 / dot(&point, &gradient);
        Self { point, gradient, scale }
    }
}

/// The two-loop recursion.
fn direction(gradient: &[f64], memory: &VecDeque<Step>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let factor = step.scale * dot(&step.point, &direction);
        add(&mut direction, &step.gradient, -factor);
        factors.push(factor);
    }
    if let Some(last) = memory.back() {
        let scale = 1.0 / (last.scale * dot(&last.gradient, &last.gradient));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (step, factor) in memory.iter().zip(factors.iter().rev()) {
        let back = step.scale * dot(&step.gradient, &direction);
        add(&mut direction, &step.point, factor - back);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(to: &mut [f64], from: &[f64], factor: f64) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_bowl_is_solved() {
        let target = [3.0, -2.0, 0.5];
        let scale = [1.0, 100.0, 0.01];
        let bowl = |x: &[f64], g: &mut [f64]| {
            let mut value = 0.0;
            for i in 0..3 {
                let d = x[i] - target[i];
                value += scale[i] * d * d / 2.0;
                g[i] = scale[i] * d;
            }
            value
        };
        let found = minimise(vec![0.0; 3], Stop { gradient: 1e-9, steps: 200 }, bowl);
        for (x, t) in found.iter().zip(target) {
            assert!((x - t).abs() < 1e-5, "{found:?}");
        }
    }

    #[test]
    fn a_flat_function_stays_where_it_is() {
        let flat = |_: &[f64], g: &mut [f64]| {
            g.fill(0.0);
            1.0
        };
        assert_eq!(minimise(vec![1.0], Stop { gradient: 1e-9, steps: 9 }, flat), [1.0]);
    }
}
