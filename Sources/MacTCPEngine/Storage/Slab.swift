// Where connections and streams live: places that never move, under handles that end with what they name.
//
// Elements stand in chunks of 64. A chunk in which nothing is left goes back to the system, except for one
// at a time, so that a storm of connections does not leave the process large. What stays is what makes old
// handles find nothing: the generation from which on a new chunk's places count.
//
// This file works on pointers. The invariant: a chunk's entry has its memory, or `nil` and no place
// occupied; the memory has 64 places of a fixed size, each with its generation, and with an element where
// the bit of `occupied` is set. Every access to an element asks that bit first.

/// Elements in places with small numbers, found by handles.
struct Slab<Element: ~Copyable>: ~Copyable {
  struct Chunk: BitwiseCopyable {
    var memory: UnsafeMutableRawPointer?
    /// One bit for each place with an element.
    var occupied: UInt64 = 0
    /// The generation of all places, when the chunk gets memory again.
    var firstGeneration: UInt32 = 1
    /// The neighbours in the list of the chunks with memory and free places, or -1. For a chunk without
    /// memory, `next` is the next such; for a full one they have no meaning.
    var next: Int32 = -1
    var previous: Int32 = -1
  }

  /// How many elements there are.
  private(set) var count = 0
  /// All places are 0..<bound.
  private(set) var bound = 0
  private var chunks = PlainArray(repeating: Chunk(), count: 0)
  /// The first chunk with memory and free places, or -1.
  private var firstWithRoom: Int32 = -1
  /// The first chunk without memory, or -1.
  private var firstWithoutMemory: Int32 = -1
  /// The chunk with memory and without elements, or -1.
  private var spare: Int32 = -1

  /// No elements, no memory.
  init() {}

  deinit {
    var index = 0
    while index < bound &>> 6 {
      let chunk = chunks[index]
      if let memory = unsafe chunk.memory {
        var occupied = chunk.occupied
        while occupied != 0 {
          let place = occupied.trailingZeroBitCount
          unsafe Self.element(memory, place).deinitialize(count: 1)
          occupied &= occupied &- 1
        }
        unsafe memory.deallocate()
      }
      index &+= 1
    }
  }

  /// Puts an element into a free place; `nil` if there are 2^31 already.
  mutating func insert(_ element: consuming Element) -> Handle? {
    if firstWithRoom < 0 {
      guard makeRoom() else { return nil }
    }
    let number = Int(firstWithRoom)
    guard let memory = unsafe chunks[number].memory else { return nil }
    let place = (~chunks[number].occupied).trailingZeroBitCount
    if firstWithRoom == spare { spare = -1 }
    unsafe Self.element(memory, place).initialize(to: element)
    chunks[number].occupied |= 1 &<< UInt64(place)
    if chunks[number].occupied == .max { unlink(number) }
    count &+= 1
    return unsafe Handle(
      index: number &<< 6 | place, generation: Self.generation(memory, place).pointee)
  }

  /// The place of the element that a handle names, `nil` if it has been removed. Any handle may be tried.
  @inline(__always)
  func index(of handle: Handle) -> Int? {
    guard isOccupied(handle.index),
      let memory = unsafe chunks[handle.index &>> 6].memory,
      unsafe Self.generation(memory, handle.index & 63).pointee == handle.generation
    else { return nil }
    return handle.index
  }

  /// Whether there is an element in a place. Any number may be tried.
  @inline(__always)
  func isOccupied(_ index: Int) -> Bool {
    UInt(bitPattern: index) < UInt(bitPattern: bound)
      && chunks[index &>> 6].occupied &>> UInt64(index & 63) & 1 != 0
  }

  /// The handle of the element in a place, which must be occupied.
  @inline(__always)
  func handle(at index: Int) -> Handle {
    unsafe Handle(
      index: index, generation: Self.generation(occupied(index), index & 63).pointee)
  }

  /// Ends the element in a place, which must be occupied, and all its handles.
  mutating func remove(_ index: Int) {
    let memory = unsafe occupied(index)
    let number = index &>> 6
    let place = index & 63
    unsafe Self.element(memory, place).deinitialize(count: 1)
    let generation = unsafe Self.generation(memory, place)
    // After 2^31 elements in one place its oldest handles name something again.
    unsafe generation.pointee =
      generation.pointee >= Handle.greatestGeneration ? 1 : generation.pointee &+ 1
    if chunks[number].occupied == .max { link(number) }
    chunks[number].occupied &= ~(1 &<< UInt64(place))
    count &-= 1
    if chunks[number].occupied == 0 { chunkIsEmpty(number) }
  }

  /// The element in a place, which must be occupied.
  subscript(index: Int) -> Element {
    @inline(__always) unsafeAddress {
      unsafe UnsafePointer(Self.element(occupied(index), index & 63))
    }
    @inline(__always) unsafeMutableAddress {
      unsafe Self.element(occupied(index), index & 63)
    }
  }

  // MARK: Places

  /// The memory of the chunk of a place, which must be occupied.
  @inline(__always)
  private func occupied(_ index: Int) -> UnsafeMutableRawPointer {
    let entry = chunks[index &>> 6]
    guard entry.occupied &>> UInt64(index & 63) & 1 != 0
    else { preconditionFailure("no element there") }
    // Where a place is occupied there is memory: it need not be asked again at every access.
    return unsafe entry.memory.unsafelyUnwrapped
  }

  /// A place is the generation, in as many bytes as the element's alignment needs, and the element. Large ones begin with
  /// a line of the cache.
  @inline(__always) private static var headerSize: Int { max(8, MemoryLayout<Element>.alignment) }
  /// How many bytes a place has.
  @inline(__always) static var placeSize: Int {
    let alignment = MemoryLayout<Element>.size > 256 ? max(64, headerSize) : headerSize
    return (headerSize &+ MemoryLayout<Element>.size &+ alignment &- 1) / alignment &* alignment
  }

  @inline(__always)
  private static func generation(
    _ memory: UnsafeMutableRawPointer, _ place: Int
  ) -> UnsafeMutablePointer<UInt32> {
    unsafe (memory + place &* placeSize).assumingMemoryBound(to: UInt32.self)
  }

  @inline(__always)
  private static func element(
    _ memory: UnsafeMutableRawPointer, _ place: Int
  ) -> UnsafeMutablePointer<Element> {
    unsafe (memory + place &* placeSize + headerSize).assumingMemoryBound(to: Element.self)
  }

  // MARK: Chunks

  /// Gives memory to a chunk without, or to a new one; `false` if there are 2^31 places.
  @inline(never)
  private mutating func makeRoom() -> Bool {
    var number = Int(firstWithoutMemory)
    if number >= 0 {
      firstWithoutMemory = chunks[number].next
    } else {
      guard bound < 1 << 31 else { return false }
      number = bound &>> 6
      if number == chunks.count {
        chunks.grow(to: max(4, 2 &* number), repeating: Chunk())
      }
      bound &+= 64
    }
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: 64 &* Self.placeSize, alignment: max(64, Self.headerSize))
    for place in 0..<64 {
      unsafe Self.generation(memory, place).initialize(to: chunks[number].firstGeneration)
    }
    unsafe chunks[number].memory = memory
    link(number)
    return true
  }

  /// Keeps one chunk without elements, and gives back the memory of others.
  private mutating func chunkIsEmpty(_ number: Int) {
    guard spare >= 0, let memory = unsafe chunks[number].memory else {
      spare = Int32(truncatingIfNeeded: number)
      return
    }
    var greatest: UInt32 = 1
    for place in 0..<64 {
      greatest = unsafe max(greatest, Self.generation(memory, place).pointee)
    }
    unsafe memory.deallocate()
    unlink(number)
    unsafe chunks[number].memory = nil
    chunks[number].firstGeneration = greatest
    chunks[number].next = firstWithoutMemory
    firstWithoutMemory = Int32(truncatingIfNeeded: number)
  }

  private mutating func link(_ number: Int) {
    let next = firstWithRoom
    chunks[number].next = next
    chunks[number].previous = -1
    if next >= 0 { chunks[Int(next)].previous = Int32(truncatingIfNeeded: number) }
    firstWithRoom = Int32(truncatingIfNeeded: number)
  }

  private mutating func unlink(_ number: Int) {
    let next = chunks[number].next
    let previous = chunks[number].previous
    if next >= 0 { chunks[Int(next)].previous = previous }
    if previous >= 0 {
      chunks[Int(previous)].next = next
    } else {
      firstWithRoom = next
    }
  }
}
