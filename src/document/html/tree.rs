//! Which elements are open while the tokens of a page go by: a flat stack with the few rules of
//! HTML's tree construction that matter for text, each in constant time for every token.

use super::tags::{Role, Tag};
use super::tokens::Marks;
use crate::limits::HTML_DEPTH;

/// An open element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) tag: Tag,
    pub(crate) marks: Marks,
    /// Number of its start tag among the tokens.
    pub(crate) token: u32,
}

/// How an element was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// By its own end tag, or by what HTML says ends it.
    Proper,
    /// Because an element around it ended, or the page did.
    Forced,
}

/// The open elements.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    open: Vec<Open>,
    /// For each element name, the places in the stack that hold it.
    places: Vec<Vec<u32>>,
    /// Elements of each name that were too deep to be tracked.
    untracked: Vec<u32>,
    /// Places of the blocks, of the elements that bound a search, and of the lists.
    blocks: Vec<u32>,
    scopes: Vec<u32>,
    lists: Vec<u32>,
}

impl Stack {
    /// Opens an element; calls `closed` for those that end before it. Gives whether the element
    /// is open now: not so if it has no content or lies too deep.
    pub(crate) fn open(&mut self, element: Open, mut closed: impl FnMut(Open, Closing)) -> bool {
        if element.tag.role.is_void() {
            return false;
        }
        self.end_before(element.tag.role, &mut closed);
        let name = element.tag.name as usize;
        if self.places.len() <= name {
            self.places.resize_with(name + 1, Vec::new);
            self.untracked.resize(name + 1, 0);
        }
        if self.open.len() >= HTML_DEPTH {
            self.untracked[name] += 1;
            return false;
        }
        let place = self.open.len() as u32;
        self.places[name].push(place);
        let role = element.tag.role;
        if !role.is_inline() {
            self.blocks.push(place);
        }
        if role.is_scope() {
            self.scopes.push(place);
        }
        if matches!(role, Role::List | Role::Definitions) {
            self.lists.push(place);
        }
        self.open.push(element);
        true
    }

    /// Closes the innermost open element of a name, if the rules let its end tag reach it.
    pub(crate) fn close(&mut self, tag: Tag, mut closed: impl FnMut(Open, Closing)) {
        let name = tag.name as usize;
        if let Some(count) = self.untracked.get_mut(name).filter(|count| **count > 0) {
            *count -= 1;
            return;
        }
        let Some(place) = self.places.get(name).and_then(|places| places.last().copied()) else {
            return;
        };
        // An inline element's end does not reach over a block, nor a block's end out of a cell.
        let bound = match tag.role {
            role if role.is_inline() && role != Role::Dropped => self.blocks.last(),
            role if role.is_scope() || role == Role::Row => None,
            _ => self.scopes.last(),
        };
        if bound.is_none_or(|bound| place > *bound) {
            self.pop_to(place, &mut closed);
        }
    }

    /// Closes everything at the end of the page.
    pub(crate) fn finish(&mut self, mut closed: impl FnMut(Open, Closing)) {
        while let Some(open) = self.pop() {
            let proper = open.tag.role.ends_by_itself();
            closed(open, if proper { Closing::Proper } else { Closing::Forced });
        }
    }

    /// Whether an element of this role is open.
    pub(crate) fn holds(&self, role: Role) -> bool {
        self.open.iter().any(|open| open.tag.role == role)
    }

    /// Ends the elements whose end tag may be left out before a new element.
    fn end_before(&mut self, role: Role, closed: &mut impl FnMut(Open, Closing)) {
        if role.is_inline() {
            return;
        }
        let scope = self.scopes.last().copied();
        let list = self.lists.last().copied();
        let innermost = self
            .blocks
            .last()
            .copied()
            .and_then(|place| self.open.get(place as usize).map(|open| (place, open.tag.role)));
        // A paragraph ends before any block.
        if let Some((place, Role::Paragraph)) = innermost {
            self.pop_to(place, closed);
        }
        let wanted: &[Role] = match role {
            Role::ListItem => &[Role::ListItem],
            Role::Term | Role::Description => &[Role::Term, Role::Description],
            Role::Cell | Role::HeadCell => &[Role::Cell, Role::HeadCell],
            Role::Row => &[Role::Row],
            _ => return,
        };
        let bound = match role {
            Role::ListItem | Role::Term | Role::Description => scope.max(list),
            _ => self.last_table(),
        };
        let from = bound.map_or(0, |bound| bound as usize + 1);
        let place = self.open.iter().skip(from).position(|open| wanted.contains(&open.tag.role));
        if let Some(place) = place {
            self.pop_to((from + place) as u32, closed);
        }
    }

    fn last_table(&self) -> Option<u32> {
        self.scopes
            .iter()
            .rev()
            .copied()
            .find(|place| self.open.get(*place as usize).is_some_and(|o| o.tag.role == Role::Table))
    }

    fn pop_to(&mut self, place: u32, closed: &mut impl FnMut(Open, Closing)) {
        while self.open.len() > place as usize {
            let last = self.open.len() == place as usize + 1;
            let Some(open) = self.pop() else { return };
            let proper = last || open.tag.role.ends_by_itself();
            closed(open, if proper { Closing::Proper } else { Closing::Forced });
        }
    }

    fn pop(&mut self) -> Option<Open> {
        let open = self.open.pop()?;
        let place = self.open.len() as u32;
        if let Some(places) = self.places.get_mut(open.tag.name as usize) {
            places.pop();
        }
        for held in [&mut self.blocks, &mut self.scopes, &mut self.lists] {
            if held.last() == Some(&place) {
                held.pop();
            }
        }
        Some(open)
    }
}
