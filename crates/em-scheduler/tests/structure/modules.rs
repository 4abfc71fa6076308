//! The modules of a crate as its files say: what each imports, passes on and names, and which file a path leads to.
//!
//! What is read: `use` declarations and every path in code that begins with `crate`, `self`, `super`, an imported module or a
//! child. What is not: comments, `mod tests`, and names that come out of macros.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Names = Vec<String>;

/// The modules of one crate; the first is its root.
pub struct Tree(Vec<Module>);

pub struct Module {
    /// Its path from the root; empty for the root.
    pub path: Names,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What is imported, by the name it has here.
    imports: BTreeMap<String, Names>,
    /// What is passed on (`pub use`): whoever asks for it here depends on where it comes from, and this module does not.
    passed_on: BTreeMap<String, Names>,
    /// The rest.
    code: String,
}

/// That one module names something of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub from: Names,
    pub to: Names,
    /// As it is written, imports spelled out.
    pub by: String,
}

/// What a path leads to.
enum Meaning {
    Module(usize),
    /// Something that this module defines.
    ItemOf(usize),
}

impl Tree {
    /// Reads the crate whose root is `src/lib.rs`.
    pub fn read(src: &Path) -> Self {
        let mut tree = Self(Vec::new());
        tree.add(&src.join("lib.rs"), src, (Vec::new(), None));
        tree
    }

    fn add(&mut self, file: &Path, folder: &Path, (path, parent): (Names, Option<usize>)) -> usize {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (mut imports, mut passed_on) = (BTreeMap::new(), BTreeMap::new());
        let (mut code, mut names) = (String::new(), Names::new());
        for statement in statements(&text) {
            let (public, bare) = without_visibility(&statement);
            if let Some(tree) = bare.strip_prefix("use ") {
                flatten(&[], tree, if public { &mut passed_on } else { &mut imports });
            } else if let Some(name) = bare.strip_prefix("mod ").filter(|name| !name.contains('{')) {
                names.push(name.to_owned());
            } else {
                code += &(statement + ";");
            }
        }
        let number = self.0.len();
        self.0.push(Module {
            path: path.clone(),
            parent,
            children: BTreeMap::new(),
            imports,
            passed_on,
            code,
        });
        for name in names {
            let path = [path.as_slice(), std::slice::from_ref(&name)].concat();
            let (file, below) = (folder.join(format!("{name}.rs")), folder.join(&name));
            let file = if file.exists() { file } else { below.join("mod.rs") };
            let child = self.add(&file, &below, (path, Some(number)));
            self.0[number].children.insert(name, child);
        }
        number
    }

    pub fn modules(&self) -> &[Module] {
        &self.0
    }

    pub fn references(&self) -> BTreeSet<Reference> {
        let mut found = BTreeSet::new();
        for (number, module) in self.0.iter().enumerate() {
            let imported = module.imports.values().cloned();
            for path in imported.chain(module.paths_in_code()) {
                let to = match self.meaning(number, &path) {
                    // What is in a module with children is named where it is used.
                    Some(Meaning::Module(to)) if self.0[to].children.is_empty() => to,
                    Some(Meaning::ItemOf(to)) => to,
                    _ => continue,
                };
                if to != number {
                    found.insert(Reference {
                        from: module.path.clone(),
                        to: self.0[to].path.clone(),
                        by: path.join("::"),
                    });
                }
            }
        }
        found
    }

    /// None: not in this crate.
    fn meaning(&self, from: usize, path: &[String]) -> Option<Meaning> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => self.0[from].parent?,
            child => *self.0[from].children.get(child)?,
        };
        while let Some((name, further)) = rest.split_first() {
            let module = &self.0[at];
            if name == "super" {
                at = module.parent?;
            } else if let Some(child) = module.children.get(name) {
                at = *child;
            } else {
                let known = module.passed_on.get(name).or_else(|| module.imports.get(name));
                let through = known.and_then(|known| self.meaning(at, &[known, further].concat()));
                return through.or(Some(Meaning::ItemOf(at)));
            }
            rest = further;
        }
        Some(Meaning::Module(at))
    }
}

impl Module {
    pub fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    /// The paths of more than one name; names that are imported or passed on are spelled out.
    fn paths_in_code(&self) -> impl Iterator<Item = Names> {
        let words = self
            .code
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        words.filter_map(|word| {
            let names = word.split("::").map(|name| name.trim_matches(':').to_owned());
            let names: Names = names.take_while(|name| !name.is_empty()).collect();
            let (first, rest) = names.split_first()?;
            let known = self.imports.get(first).or_else(|| self.passed_on.get(first));
            let path = [known.map_or(std::slice::from_ref(first), Vec::as_slice), rest].concat();
            (path.len() > 1).then_some(path)
        })
    }
}

/// Whether it begins with `pub…`, and what comes after that.
fn without_visibility(statement: &str) -> (bool, &str) {
    let statement = statement.trim();
    match statement.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => (true, rest.split_once(") ").map_or("", |(_, rest)| rest)),
        Some(rest) if rest.starts_with(' ') => (true, rest.trim_start()),
        _ => (false, statement),
    }
}

/// The text without comments and tests, cut at each semicolon and brace that does not belong to a `use`.
fn statements(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .take_while(|line| !line.ends_with("mod tests {"))
        .map(|line| line.split("//").next().unwrap_or_default())
        .filter(|line| *line != "#[cfg(test)]" && *line != "mod tests;")
        .collect();
    let mut statements = vec![String::new()];
    for piece in code.join("\n").split_inclusive([';', '{', '}']) {
        let last = statements.last_mut().unwrap();
        *last += piece.strip_suffix(';').unwrap_or(piece);
        if piece.ends_with(';') || !without_visibility(last).1.starts_with("use ") {
            statements.push(String::new());
        }
    }
    statements
}

/// `a::{b, c::d as e}` as paths by the names they have from then on.
fn flatten(before: &[String], tree: &str, into: &mut BTreeMap<String, Names>) {
    let tree = tree.trim();
    if let Some((head, list)) = tree.strip_suffix('}').and_then(|tree| tree.split_once('{')) {
        let head = head.split("::").map(str::trim).filter(|name| !name.is_empty());
        let before = [before, &head.map(str::to_owned).collect::<Names>()].concat();
        let mut depth = 0;
        let parts = list.split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        for part in parts.filter(|part| !part.trim().is_empty()) {
            flatten(&before, part, into);
        }
        return;
    }
    let (tree, name) = tree
        .split_once(" as ")
        .map_or((tree, None), |(tree, name)| (tree, Some(name)));
    let mut path = before.to_vec();
    path.extend(
        tree.split("::")
            .map(|name| name.trim().to_owned())
            .filter(|name| name != "self" || before.is_empty()),
    );
    let name = name.map_or_else(|| path.last().cloned(), |name| Some(name.trim().to_owned()));
    into.insert(name.unwrap_or_default(), path);
}
