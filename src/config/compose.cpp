// SPDX-License-Identifier: Apache-2.0
#include "config/compose.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "config/suggest.hpp"

namespace tandem::config {
namespace {

constexpr std::size_t kMostFiles = 256;
// Tables that stand in the file under their own names, and in a node's section, too.
constexpr std::array<std::string_view, 4> kSingle{"dpdk", "flows", "nginx", "sync"};
constexpr std::array<std::string_view, 4> kNamed{"interface", "check", "vrrp", "service"};

Value::Table& table_of(Value& value) {
  return std::get<Value::Table>(value.data);
}

Entry* find_in(Value& table, std::string_view key) {
  auto& entries = table_of(table);
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &*found;
}

void set_file(Value& value, int file) {
  value.where.file = file;
  if (auto* table = std::get_if<Value::Table>(&value.data)) {
    for (auto& entry : *table) {
      entry.where.file = file;
      set_file(entry.value, file);
    }
  } else if (auto* array = std::get_if<Value::Array>(&value.data)) {
    for (auto& item : *array) set_file(item, file);
  }
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

class Composer {
 public:
  Composer(const std::string& path, const Sources& sources, Problems& problems)
      : sources_(sources), problems_(problems) {
    composed_.files.push_back(path);
    composed_.root.data = Value::Table{};
  }

  void take(std::string_view text, int file) {
    auto root = parse_toml(text);
    if (!root) {
      root.error().where.file = file;
      return problems_.error(root.error().where, root.error().message);
    }
    set_file(*root, file);
    if (file == 0) composed_.root.where = root->where;
    std::vector<Entry> includes;
    for (auto& entry : table_of(*root))
      entry.key == "include" ? includes.push_back(std::move(entry)) : merge(std::move(entry));
    for (const auto& entry : includes) include(entry, file);
  }

  Composed& composed() { return composed_; }

 private:
  // ---- Several files
  void merge(Entry entry) {
    Entry* known = find_in(composed_.root, entry.key);
    if (known == nullptr) {
      table_of(composed_.root).push_back(std::move(entry));
      return;
    }
    auto* items = std::get_if<Value::Array>(&known->value.data);
    auto* more = std::get_if<Value::Array>(&entry.value.data);
    if (items != nullptr && more != nullptr) {
      std::ranges::move(*more, std::back_inserter(*items));
      return;
    }
    if (known->value.get<Value::Table>() == nullptr || entry.value.get<Value::Table>() == nullptr)
      return is_twice(entry, *known);
    for (auto& part : table_of(entry.value)) {
      if (const Entry* there = find_in(known->value, part.key))
        is_twice(part, *there);
      else
        table_of(known->value).push_back(std::move(part));
    }
  }

  void is_twice(const Entry& entry, const Entry& known) {
    problems_.error(entry.where, entry.key + ": is in " +
                                     composed_.files[static_cast<std::size_t>(known.where.file)] +
                                     ", line " + std::to_string(known.where.line) +
                                     ", too, expected it once");
  }

  void include(const Entry& entry, int file) {
    constexpr const char* kExpected = ", expected an array of files, such as [\"conf.d/*.toml\"]";
    const auto* array = entry.value.get<Value::Array>();
    if (array == nullptr)
      return problems_.error(entry.value.where,
                             "include: " + shown(entry.value) + " is no array" + kExpected);
    for (const auto& item : *array) {
      const auto* name = item.get<std::string>();
      if (name == nullptr || name->empty()) {
        problems_.error(item.where, "include: " + shown(item) + " is no file" + kExpected);
        continue;
      }
      const auto path = substituted(*name, item.where);
      if (path) include_all(*path, item.where, file);
    }
  }

  void include_all(const std::string& name, Location where, int file) {
    const std::string path =
        name.starts_with('/')
            ? name
            : directory_of(composed_.files[static_cast<std::size_t>(file)]) + name;
    if (path.find_first_of("*?[") == std::string::npos) return read(path, where);
    for (const auto& match : sources_.match(path)) read(match, where);
  }

  void read(const std::string& path, Location where) {
    if (std::ranges::find(composed_.files, path) != composed_.files.end())
      return problems_.error(where, "include: " + path + " is included already, expected it once");
    if (composed_.files.size() == kMostFiles)
      return problems_.error(
          where, "include: too many files, expected at most " + std::to_string(kMostFiles));
    const auto text = sources_.read(path);
    if (!text)
      return problems_.error(
          where, "include: " + path + ": " + text.error() + ", expected a readable file");
    composed_.files.push_back(path);
    take(*text, static_cast<int>(composed_.files.size()) - 1);
  }

 public:
  // ---- Variables
  void substitute(Value& value) {
    if (auto* table = std::get_if<Value::Table>(&value.data)) {
      for (auto& entry : *table) substitute(entry.value);
    } else if (auto* array = std::get_if<Value::Array>(&value.data)) {
      for (auto& item : *array) substitute(item);
    } else if (const auto* text = value.get<std::string>();
               text != nullptr && text->find("${") != std::string::npos) {
      const auto words = substituted(*text, value.where);
      if (!words) return;
      const bool is_alone = text->starts_with("${") && text->find('}') == text->size() - 1;
      value.data = *words;
      if (is_alone) take_type(value, *words);
    }
  }

 private:
  // A string that is a variable alone is the integer or the boolean that the variable holds.
  static void take_type(Value& value, const std::string& text) {
    if (text == "true" || text == "false") {
      value.data = text == "true";
      return;
    }
    std::int64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && rest == end) value.data = number;
  }

  std::optional<std::string> substituted(const std::string& text, Location where) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      if (text.compare(at, 3, "$${") == 0) {
        out += "${";
        at += 3;
        continue;
      }
      if (text.compare(at, 2, "${") != 0) {
        out += text[at++];
        continue;
      }
      const auto end = text.find('}', at);
      if (end == std::string::npos) {
        problems_.error(
            where, in_quotes(text) + ": a variable has no end, expected ${NAME}, or $${ for ${");
        return std::nullopt;
      }
      const auto inside = text.substr(at + 2, end - at - 2);
      const auto dash = inside.find(":-");
      const auto name = inside.substr(0, dash);
      if (const auto value = sources_.variable(name)) {
        out += *value;
      } else if (dash != std::string::npos) {
        out += inside.substr(dash + 2);
      } else {
        problems_.error(where, "the environment has no variable " + in_quotes(name) +
                                   ", expected it, or ${" + name +
                                   ":-DEFAULT}, or $${ for a text that is no variable");
        return std::nullopt;
      }
      at = end + 1;
    }
    return out;
  }

 public:
  // ---- Sections of nodes
  void choose_node(const std::string& wanted) {
    Entry* node = find_in(composed_.root, "node");
    if (node == nullptr || node->value.get<Value::Table>() == nullptr) return;
    auto& entries = table_of(node->value);
    std::vector<Entry> sections;
    for (auto& entry : entries)
      if (entry.value.get<Value::Table>() != nullptr) sections.push_back(std::move(entry));
    std::erase_if(entries, [](const Entry& e) { return e.value.get<Value::Table>() != nullptr; });
    if (sections.empty()) return;
    auto& names = composed_.nodes;
    for (const auto& section : sections) names.push_back(section.key);
    const std::string name = node_name(node->value, wanted);
    const auto chosen = std::ranges::find(sections, name, &Entry::key);
    if (chosen == sections.end())
      return problems_.error(node->where, "node: there is no section [node." + in_quotes(name) +
                                              "] for this node, " + suggest(name, names, "one") +
                                              "; `tandemd --node NAME` says which it is");
    name_node(node->value, name);
    const Location where = chosen->where;
    for (auto& entry : table_of(chosen->value)) apply(std::move(entry), where);
  }

 private:
  // By the command line, else the file, else the host.
  std::string node_name(Value& node, const std::string& wanted) {
    if (!wanted.empty()) return wanted;
    if (const auto named = sources_.variable("TANDEM_NODE"); named && !named->empty())
      return *named;
    if (const Entry* entry = find_in(node, "name"))
      if (const auto* text = entry->value.get<std::string>()) return *text;
    return sources_.variable("HOSTNAME").value_or("");
  }

  static void name_node(Value& node, const std::string& name) {
    if (name.empty()) return;
    Entry* entry = find_in(node, "name");
    if (entry != nullptr)
      entry->value.data = name;
    else
      table_of(node).push_back({"name", node.where, Value{node.where, name}});
  }

  void apply(Entry entry, Location section) {
    if (std::ranges::find(kNamed, entry.key) != kNamed.end()) return apply_named(entry);
    if (std::ranges::find(kSingle, entry.key) == kSingle.end())
      return set(find_in(composed_.root, "node")->value, std::move(entry));
    Value& into = single(entry.key, section);
    if (entry.value.get<Value::Table>() == nullptr)
      return problems_.error(entry.value.where, entry.key + ": " + shown(entry.value) +
                                                    " is no table, expected keys of [" + entry.key +
                                                    "]");
    for (auto& part : table_of(entry.value)) set(into, std::move(part));
  }

  Value& single(const std::string& key, Location where) {
    if (Entry* known = find_in(composed_.root, key);
        known != nullptr && known->value.get<Value::Table>() != nullptr)
      return known->value;
    std::erase_if(table_of(composed_.root), [&](const Entry& e) { return e.key == key; });
    table_of(composed_.root).push_back({key, where, Value{where, Value::Table{}}});
    return table_of(composed_.root).back().value;
  }

  static void set(Value& table, Entry entry) {
    if (Entry* known = find_in(table, entry.key))
      *known = std::move(entry);
    else
      table_of(table).push_back(std::move(entry));
  }

  // vrrp."VI_1" = { ... }
  void apply_named(Entry& entry) {
    if (entry.value.get<Value::Table>() == nullptr)
      return problems_.error(entry.value.where, entry.key + ": " + shown(entry.value) +
                                                    " is no table, expected " + entry.key +
                                                    ".\"NAME\" = { ... }");
    for (auto& named : table_of(entry.value)) {
      Value* table = find_named(entry.key, named.key);
      if (table == nullptr) {
        problems_.error(named.where, entry.key + ": " + in_quotes(named.key) +
                                         " is the name of no [[" + entry.key +
                                         "]], expected one that the file has");
      } else if (named.value.get<Value::Table>() == nullptr) {
        problems_.error(named.value.where, named.key + ": " + shown(named.value) +
                                               " is no table, expected keys of [[" + entry.key +
                                               "]]");
      } else {
        for (auto& part : table_of(named.value)) set(*table, std::move(part));
      }
    }
  }

  Value* find_named(std::string_view kind, const std::string& name) {
    Entry* entry = find_in(composed_.root, kind);
    auto* items = entry == nullptr ? nullptr : std::get_if<Value::Array>(&entry->value.data);
    if (items == nullptr) return nullptr;
    for (auto& item : *items) {
      const Entry* known = item.find("name");
      const auto* text = known == nullptr ? nullptr : known->value.get<std::string>();
      if (text != nullptr && *text == name) return &item;
    }
    return nullptr;
  }

  const Sources& sources_;
  Problems& problems_;
  Composed composed_;
};

}  // namespace

Composed compose(std::string_view text, const std::string& path, const std::string& node,
                 const Sources& sources, Problems& problems) {
  Composer composer(path, sources, problems);
  composer.take(text, 0);
  composer.substitute(composer.composed().root);
  composer.choose_node(node);
  return std::move(composer.composed());
}

}  // namespace tandem::config
